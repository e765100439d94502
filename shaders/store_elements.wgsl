// Storing numbers of type `Output` in a buffer, as `rounded` makes them. `store`, `store_quad`,
// `store_quad_of` and `holds_finite` are all that a method knows of its output.

@group(0) @binding(3) var<storage, read_write> output: array<Output>;

// Makes `value` output sample `i`, or adds it to what is there.
fn store(i: u32, value: Element) {
    let at = output_start + i;
    if ACCUMULATE {
        output[at] = rounded(Element(output[at]) + value);
    } else {
        output[at] = rounded(value);
    }
}

// The same for four neighbours from `i` on; all of them are outputs.
fn store_quad(i: u32, values: Quad) {
    store(i, component0(values));
    store(i + 1u, component1(values));
    store(i + 2u, component2(values));
    store(i + 3u, component3(values));
}

// The same from one column on, of one of all rows, which have `width` outputs.
fn store_quad_of(row: u32, column: u32, width: u32, values: Quad) {
    store_quad(row * width + column, values);
}

// Whether what stands at output sample `i` is finite.
fn holds_finite(i: u32) -> bool {
    return is_finite(Element(output[output_start + i]));
}
