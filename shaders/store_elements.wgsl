// Storing numbers of type `Output` in a buffer, as `rounded` and `rounded_quad` make them. `store`, `store_quad`,
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
    let at = output_start + i;
    var sums = values;
    if ACCUMULATE {
        sums = quad(
            Element(output[at]) + component0(values),
            Element(output[at + 1u]) + component1(values),
            Element(output[at + 2u]) + component2(values),
            Element(output[at + 3u]) + component3(values),
        );
    }
    let all = rounded_quad(sums);
    output[at] = all[0];
    output[at + 1u] = all[1];
    output[at + 2u] = all[2];
    output[at + 3u] = all[3];
}

// The same from one column on, of one of all rows, which have `width` outputs.
fn store_quad_of(row: u32, column: u32, width: u32, values: Quad) {
    store_quad(row * width + column, values);
}

// Whether what stands at output sample `i` is finite.
fn holds_finite(i: u32) -> bool {
    return is_finite(Element(output[output_start + i]));
}
