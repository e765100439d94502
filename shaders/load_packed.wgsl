// Loading unsigned integers of LOADED_BITS bits, 8 or 16, that are packed into words.

@group(0) @binding(1) var<storage, read> input: array<u32>;

const LOADED_PER_WORD: u32 = 32u / LOADED_BITS;

fn load(i: u32) -> Element {
    let at = params.input_start + i;
    let place = at % LOADED_PER_WORD * LOADED_BITS;
    return Element(extractBits(input[at / LOADED_PER_WORD], place, LOADED_BITS));
}

// A word is only read where one of the four is in it: where none is in the last of them, the one before it is
// read again, so that no load waits for a condition.
fn load_quad(i: u32) -> Quad {
    let at = params.input_start + i;
    let word = at / LOADED_PER_WORD;
    let place = at % LOADED_PER_WORD * LOADED_BITS;
    let further = u32(place > 0u);
    if LOADED_BITS == 8u {
        // In two steps: all bits of a word cannot be shifted out of it at once.
        let behind = (input[word + further] << 1u) << (31u - place);
        return Quad(unpack4xU8((input[word] >> place) | behind));
    }
    let words = vec3<u32>(input[word], input[word + 1u], input[word + 1u + further]);
    let shifted = (words.xy >> vec2<u32>(16u)) | (words.yz << vec2<u32>(16u));
    let two = select(words.xy, shifted, place > 0u);
    return Quad(vec4<u32>(two.x & 0xffffu, two.x >> 16u, two.y & 0xffffu, two.y >> 16u));
}

// The same from one column on, of one of all rows, which have `width` samples.
fn load_quad_of(row: u32, column: u32, width: u32) -> Quad {
    return load_quad(row * width + column);
}
