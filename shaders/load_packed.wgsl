// Loading unsigned integers of LOADED_BITS bits, 8 or 16, that are packed into words.

@group(0) @binding(1) var<storage, read> input: array<u32>;

const LOADED_PER_WORD: u32 = 32u / LOADED_BITS;

fn load(i: u32) -> Element {
    let at = params.input_start + i;
    let place = at % LOADED_PER_WORD * LOADED_BITS;
    return Element(extractBits(input[at / LOADED_PER_WORD], place, LOADED_BITS));
}

// A word is only read where one of the four is in it.
fn load_quad(i: u32) -> Quad {
    let at = params.input_start + i;
    let word = at / LOADED_PER_WORD;
    let place = at % LOADED_PER_WORD * LOADED_BITS;
    if LOADED_BITS == 8u {
        var bytes = input[word] >> place;
        if place > 0u {
            bytes |= input[word + 1u] << (32u - place);
        }
        return Quad(unpack4xU8(bytes));
    }
    var low = input[word];
    var high = input[word + 1u];
    if place > 0u {
        low = (low >> 16u) | (high << 16u);
        high = (high >> 16u) | (input[word + 2u] << 16u);
    }
    return Quad(vec4<u32>(low & 0xffffu, low >> 16u, high & 0xffffu, high >> 16u));
}

// The same from one column on, of one of all rows, which have `width` samples.
fn load_quad_of(row: u32, column: u32, width: u32) -> Quad {
    return load_quad(row * width + column);
}
