//! Lines of WGSL that a loop would be slow for: one for each register and tap of a shader.
//!
//! naga checks every dynamic index into a private array and unrolls nothing, so sums are members of
//! a struct, by name, and taps along the inner axis are written out. What is written out is the same
//! line over and over; everything else is in `shaders/`.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::plan::gpu::launch::{QUAD, Shader, Variant, tap_quads};

/// The generated functions of a shader; empty where it has none.
pub(super) fn lines(variant: &Variant) -> String {
    let Variant { shader, registers, unrolled, rest, step, .. } = variant;
    let [rows, quads] = *registers;
    match shader {
        Shader::DirectNd
        | Shader::DirectStrided
        | Shader::DirectTexels
        | Shader::Convert
        | Shader::Resample(_)
        | Shader::Fft(_) => String::new(),
        Shader::Direct2d => [
            sums(rows, quads),
            add("add_row", "stage", "tap_quads()", *registers, *unrolled, *step),
            add("add_rest", "stage", "tap_quads()", *registers, *rest, *step),
        ]
        .concat(),
        Shader::Separable2d => [
            sums(rows, quads),
            add("add_column", "between", "1u", *registers, 1, 1),
            filtered(*unrolled, *step),
        ]
        .concat(),
    }
}

/// `struct Sums`, which holds a row of quads for each row of an invocation's outputs, and what makes
/// and stores it.
fn sums(rows: usize, quads: usize) -> String {
    let each = |line: &dyn Fn(usize, usize) -> String| -> String {
        (0..rows).flat_map(|r| (0..quads).map(move |q| (r, q))).map(|(r, q)| line(r, q)).collect()
    };
    let members = each(&|r, q| format!("    row{r}_{q}: Quad,\n"));
    let zeros = each(&|_, _| "quad_zero(), ".into());
    let mut stores = String::new();
    for r in 0..rows {
        let _ = writeln!(stores, "    if row + {r}u < rows {{");
        for q in 0..quads {
            let offset = q * QUAD;
            let _ = writeln!(
                stores,
                "        store_existing(plane * rows + row + {r}u, column + {offset}u, columns, sums.row{r}_{q});"
            );
        }
        stores.push_str("    }\n");
    }
    format!(
        "struct Sums {{
{members}}}

fn no_sums() -> Sums {{
    return Sums({zeros});
}}

// Stores the outputs of one plane from (row, column) on, as far as they exist.
fn store_sums(sums: Sums, plane: u32, row: u32, column: u32) {{
    let rows = outer_axis().outputs;
    let columns = inner_axis().outputs;
{stores}}}

"
    )
}

/// The quads that taps read, relative to `at`, and a name for the window under each of them.
fn windows(array: &str, offsets: &BTreeSet<usize>) -> String {
    let used: BTreeSet<usize> =
        offsets.iter().flat_map(|offset| [offset / QUAD, offset.div_ceil(QUAD)]).collect();
    let mut lines = String::new();
    for quad in used {
        let _ = writeln!(lines, "    let quad{quad} = {array}[at + {quad}u];");
    }
    for offset in offsets {
        let (quad, shift) = (offset / QUAD, offset % QUAD);
        let window = match shift {
            0 => format!("quad{quad}"),
            _ => format!("shift{shift}(quad{quad}, quad{})", quad + 1),
        };
        let _ = writeln!(lines, "    let x{offset} = {window};");
    }
    lines
}

/// A function that adds what a staged row, whose first quad is `at`, contributes to all rows of an
/// invocation's outputs: it is row `r` under the first of them, and under each next one row less of
/// the `taps` rows of taps. `weight` is the first quad of weights of the first row, `pitch` the
/// distance to those of the next.
fn add(
    name: &str,
    array: &str,
    pitch: &str,
    [rows, quads]: [usize; 2],
    taps: usize,
    step: usize,
) -> String {
    let offset = |tap: usize, quad: usize| tap * step + quad * QUAD;
    let offsets = (0..taps).flat_map(|tap| (0..quads).map(move |quad| offset(tap, quad)));
    let mut body = windows(array, &offsets.collect());
    for r in 0..rows {
        // Below zero wraps to a large number, which is no tap either.
        let _ = writeln!(body, "    let tap{r} = r - {r}u;");
        let _ = writeln!(body, "    if tap{r} < taps {{");
        let _ = writeln!(body, "        let here = weight + tap{r} * {pitch};");
        for quad in 0..tap_quads(taps) {
            let _ = writeln!(body, "        let w{quad} = weights[here + {quad}u];");
        }
        for tap in 0..taps {
            let w = format!("component{}(w{})", tap % QUAD, tap / QUAD);
            for quad in 0..quads {
                let (sum, x) = (format!("(*sums).row{r}_{quad}"), offset(tap, quad));
                let _ = writeln!(body, "        {sum} = quad_mul_add({sum}, {w}, x{x});");
            }
        }
        body.push_str("    }\n");
    }
    format!(
        "fn {name}(sums: ptr<function, Sums>, at: u32, r: u32, taps: u32, weight: u32) {{
{body}}}

"
    )
}

/// A function for one quad of a staged row under a row of taps.
fn filtered(taps: usize, step: usize) -> String {
    let mut body = windows("stage", &(0..taps).map(|tap| tap * step).collect());
    body.push_str("    var sum = quad_zero();\n");
    for quad in 0..tap_quads(taps) {
        let _ = writeln!(body, "    let w{quad} = weights[weight + {quad}u];");
    }
    for tap in 0..taps {
        let w = format!("component{}(w{})", tap % QUAD, tap / QUAD);
        let _ = writeln!(body, "    sum = quad_mul_add(sum, {w}, x{});", tap * step);
    }
    format!("fn filtered(at: u32, weight: u32) -> Quad {{\n{body}    return sum;\n}}\n\n")
}
