//! Lines of WGSL that a loop would be slow for: one for each register and tap of a shader.
//!
//! naga checks every dynamic index into a private array and unrolls nothing, so sums are members of
//! a struct, by name, and taps along the inner axis are written out. What is written out is the same
//! line over and over; everything else is in `shaders/`.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::plan::gpu::launch::{QUAD, Shader, Variant, tap_quads};

/// Bytes that an invocation has on their way to the stage at a time: eight quads of `f32`, which are no more
/// registers than sums and windows take afterwards.
const BATCH: usize = 8 * QUAD * 4;

/// Rows of taps from which on staged rows that lie under all rows of outputs have code of their own, without
/// conditions. Drivers unroll shorter columns as a whole, and conditions with them.
const LONG_COLUMN: usize = 12;

/// Staged rows that such code adds at a time where a row of taps is no longer than this, as in a pass along columns.
const TOGETHER: usize = 4;

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
        Shader::Direct2d => {
            let row = Staged { array: "stage", pitch: "PITCH", weights: "tap_quads()" };
            let full = full_rows(variant);
            [
                batches(variant),
                sums(rows, quads),
                rows_at_a_time(rows, full),
                add("add_row", &row, *registers, *unrolled, *step, full),
                add("add_rest", &row, *registers, *rest, *step, full),
            ]
            .concat()
        }
        Shader::Separable2d => {
            let column = Staged { array: "between", pitch: "WORKGROUP_X", weights: "1u" };
            [
                batches(variant),
                sums(rows, quads),
                add("add_column", &column, *registers, 1, 1, 0),
                filtered(*unrolled, *step),
            ]
            .concat()
        }
    }
}

/// Rows that are added at a time where all rows of outputs have taps for them; 0 where such rows are no
/// matter of their own.
fn full_rows(variant: &Variant) -> usize {
    let is_long = variant.taps.is_none_or(|[outer, _]| outer > LONG_COLUMN);
    match variant.registers[0] {
        2.. if is_long && variant.unrolled <= TOGETHER => TOGETHER,
        2.. if is_long => 1,
        _ => 0,
    }
}

/// A function that fills the stage with rows that lie in the input, from (`row`, `column`) on. All loads of a batch
/// are on their way before the first has to be there. No store but the last has a condition, below which compilers
/// would sink its load again: what would be loaded behind the end is the last quad or, behind `rows`, the last row
/// once more.
fn batches(variant: &Variant) -> String {
    let [wide, high] = variant.workgroup;
    let invocations = (wide * high) as usize;
    let most = (BATCH / (QUAD * variant.types.accumulator.size())).max(1);
    let (whole, rest) = (variant.stage / invocations, variant.stage % invocations);
    let looped = whole / most * most;
    // The last strip of a tile may have fewer rows.
    let row = match variant.shader {
        Shader::Separable2d => "min(@ / PITCH, rows - 1u)",
        _ => "@ / PITCH",
    };
    let batch = |from, to, cut| batch(from, to, cut, invocations, row);
    let mut body = String::new();
    if looped > most {
        let end = looped * invocations;
        let step = most * invocations;
        let _ = writeln!(body, "    for (var i = index; i < {end}u; i += {step}u) {{");
        body += &batch(0, most, false);
        body.push_str("    }\n");
    } else if looped > 0 {
        let _ = writeln!(body, "    {{\n    let i = index;");
        body += &batch(0, most, false);
        body.push_str("    }\n");
    }
    let _ = writeln!(body, "    let i = index;");
    body += &batch(looped, whole + usize::from(rest > 0), rest > 0);
    format!(
        "fn fill_inside(row: u32, column: u32, rows: u32, width: u32, index: u32) {{
{body}}}

"
    )
}

/// The rounds of a batch, in which each invocation loads a quad and stores it; `cut` where the last is not one of
/// all invocations.
fn batch(from: usize, to: usize, cut: bool, invocations: usize, row: &str) -> String {
    let is_cut = |round: usize| cut && round + 1 == to;
    let mut lines = String::new();
    for round in from..to {
        let at = format!("i + {}u", round * invocations);
        let at = if is_cut(round) { format!("min({at}, STAGE - 1u)") } else { at };
        let _ = writeln!(lines, "        let at{round} = {at};");
        let _ = writeln!(
            lines,
            "        let quad{round} = load_quad_of(row + {}, column + 4u * (at{round} % PITCH), width);",
            row.replace('@', &format!("at{round}"))
        );
    }
    for round in from..to {
        let store = format!("stage[at{round}] = quad{round};");
        let _ = match is_cut(round) {
            true => writeln!(
                lines,
                "        if i + {}u < STAGE {{\n            {store}\n        }}",
                round * invocations
            ),
            false => writeln!(lines, "        {store}"),
        };
    }
    lines
}

/// How many staged rows the functions below add from row `r` on.
fn rows_at_a_time(rows: usize, full: usize) -> String {
    let (is_full, some) = match full {
        0 => ("false".into(), "1u".into()),
        _ => (
            format!("r + 1u >= {rows}u && r + {full}u <= taps"),
            format!("select(1u, {full}u, is_full(r, taps))"),
        ),
    };
    format!(
        "// Whether all rows of outputs have taps for the staged rows from `r` on.
fn is_full(r: u32, taps: u32) -> bool {{
    return {is_full};
}}

fn rows_at(r: u32, taps: u32) -> u32 {{
    return {some};
}}

"
    )
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
fn windows(array: &str, at: &str, x: &str, offsets: &BTreeSet<usize>) -> String {
    let used: BTreeSet<usize> =
        offsets.iter().flat_map(|offset| [offset / QUAD, offset.div_ceil(QUAD)]).collect();
    let mut lines = String::new();
    for quad in used {
        let _ = writeln!(lines, "    let {x}quad{quad} = {array}[{at} + {quad}u];");
    }
    for offset in offsets {
        let (quad, shift) = (offset / QUAD, offset % QUAD);
        let window = match shift {
            0 => format!("{x}quad{quad}"),
            _ => format!("shift{shift}({x}quad{quad}, {x}quad{})", quad + 1),
        };
        let _ = writeln!(lines, "    let {x}{offset} = {window};");
    }
    lines
}

/// Where rows are staged that are added to sums.
struct Staged<'a> {
    array: &'a str,
    /// From a row to the next.
    pitch: &'a str,
    /// From the weights of a row of taps to those of the next.
    weights: &'a str,
}

/// A function that adds what a staged row, whose first quad is `at`, contributes to all rows of an
/// invocation's outputs: it is row `r` under the first of them, and under each next one row less of
/// the `taps` rows of taps. `weight` is the first quad of weights of the first row. Where all rows of outputs
/// have taps for so many `full` rows, it adds these.
fn add(
    name: &str,
    staged: &Staged,
    [rows, quads]: [usize; 2],
    taps: usize,
    step: usize,
    full: usize,
) -> String {
    let Staged { array, pitch, weights } = staged;
    let offset = |tap: usize, quad: usize| tap * step + quad * QUAD;
    let offsets = (0..taps).flat_map(|tap| (0..quads).map(move |quad| offset(tap, quad)));
    let offsets: BTreeSet<usize> = offsets.collect();
    // The quads of a row of weights, and what they add to some rows of outputs from staged rows.
    let load = |indent: &str| -> String {
        let line = |quad| format!("{indent}let w{quad} = weights[here + {quad}u];\n");
        (0..tap_quads(taps)).map(line).collect()
    };
    let multiply = |row: usize, x: &str, indent: &str| -> String {
        let each = (0..taps).flat_map(|tap| (0..quads).map(move |quad| (tap, quad)));
        let line = |(tap, quad): (usize, usize)| {
            let w = format!("component{}(w{})", tap % QUAD, tap / QUAD);
            let (sum, x) =
                (format!("(*sums).row{row}_{quad}"), format!("{x}{}", offset(tap, quad)));
            format!("{indent}{sum} = quad_mul_add({sum}, {w}, {x});\n")
        };
        each.map(line).collect()
    };
    let mut body = String::new();
    if full > 0 {
        body.push_str("    if is_full(r, taps) {\n");
        for j in 0..full {
            body += &windows(array, &format!("at + {j}u * {pitch}"), &format!("x{j}_"), &offsets);
        }
        // The last row of outputs has the first of these rows of taps.
        for d in 0..rows + full - 1 {
            let _ = writeln!(
                body,
                "    {{\n        let here = weight + (r + {d}u - {}u) * {weights};",
                rows - 1
            );
            body += &load("        ");
            for j in 0..full {
                let row = (rows - 1 + j).checked_sub(d).filter(|&row| row < rows);
                body +=
                    &row.map_or(String::new(), |row| multiply(row, &format!("x{j}_"), "        "));
            }
            body.push_str("    }\n");
        }
        body.push_str("    return;\n    }\n");
    }
    body += &windows(array, "at", "x", &offsets);
    for r in 0..rows {
        // Below zero wraps to a large number, which is no tap either.
        let _ = writeln!(body, "    let tap{r} = r - {r}u;");
        let _ = writeln!(body, "    if tap{r} < taps {{");
        let _ = writeln!(body, "        let here = weight + tap{r} * {weights};");
        body += &load("        ");
        body += &multiply(r, "x", "        ");
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
    let mut body = windows("stage", "at", "x", &(0..taps).map(|tap| tap * step).collect());
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
