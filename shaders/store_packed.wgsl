// Storing unsigned integers of STORED_BITS bits, 8 or 16, packed into words: rounded to nearest (ties
// to even), saturated, 0 where they are not a number. Nothing is added to them.

// Other invocations may store their samples in the same word at the same time.
@group(0) @binding(3) var<storage, read_write> output: array<atomic<u32>>;

const STORED_PER_WORD: u32 = 32u / STORED_BITS;
const LARGEST: u32 = (1u << STORED_BITS) - 1u;

// A shader may assume that there are no NaNs, so that `value != value` could be dropped.
fn is_nan(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

fn integer(value: f32) -> u32 {
    return u32(select(round(clamp(value, 0.0, f32(LARGEST))), 0.0, is_nan(value)));
}

// Stores `bits` where the mask has ones, and leaves the rest of the word to others.
fn put(word: u32, mask: u32, bits: u32) {
    atomicAnd(&output[word], ~mask);
    atomicOr(&output[word], bits);
}

fn store(i: u32, value: Element) {
    let at = output_start + i;
    let place = at % STORED_PER_WORD * STORED_BITS;
    put(at / STORED_PER_WORD, LARGEST << place, integer(value) << place);
}

// Whole words where they are, without a look at what was there.
fn store_quad(i: u32, values: Quad) {
    let at = output_start + i;
    let word = at / STORED_PER_WORD;
    let place = at % STORED_PER_WORD * STORED_BITS;
    let first = integer(component0(values)) | (integer(component1(values)) << STORED_BITS);
    let second = integer(component2(values)) | (integer(component3(values)) << STORED_BITS);
    if STORED_BITS == 8u {
        let bytes = first | (second << 16u);
        if place == 0u {
            atomicStore(&output[word], bytes);
        } else {
            put(word, 0xffffffffu << place, bytes << place);
            put(word + 1u, 0xffffffffu >> (32u - place), bytes >> (32u - place));
        }
    } else if place == 0u {
        atomicStore(&output[word], first);
        atomicStore(&output[word + 1u], second);
    } else {
        put(word, 0xffff0000u, first << 16u);
        atomicStore(&output[word + 1u], (first >> 16u) | (second << 16u));
        put(word + 2u, 0xffffu, second >> 16u);
    }
}

// The same from one column on, of one of all rows, which have `width` outputs.
fn store_quad_of(row: u32, column: u32, width: u32, values: Quad) {
    store_quad(row * width + column, values);
}

fn holds_finite(i: u32) -> bool {
    return true;
}
