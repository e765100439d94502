//! A shader without what only tiles at the ends of an input execute: `model.py` counts what is left.

use crate::Any;

/// Code that tiles inside do not reach, as `shaders/` has it, and what stands there instead. The branches
/// to it stay.
const COLD: [(&str, &str); 9] = [
    // shaders/staging.wgsl
    ("stage[i] = extended_quad(x, row, start_x + 4 * i32(i % PITCH));", ""),
    ("store(at + column, component0(sum));", ""),
    ("store(at + column + 1u, component1(sum));", ""),
    ("store(at + column + 2u, component2(sum));", ""),
    // shaders/load_texture.wgsl, store_texture.wgsl: other rows than the texture's.
    (
        "column % LOADED_CHANNELS > 0u {\n        return load_quad(row * width + column);",
        "column % LOADED_CHANNELS > 0u {\n        return Quad();",
    ),
    (
        "        return;\n    }\n    store_quad(row * width + column, values);\n}",
        "        return;\n    }\n}",
    ),
    // shaders/round_f16.wgsl: quads of which some are no normal numbers.
    (
        "rounded(values.x),\n        rounded(values.y),\n        rounded(values.z),\n        rounded(values.w),",
        "0.0, 0.0, 0.0, 0.0",
    ),
    // shaders/store_packed.wgsl: quads that are no words.
    (
        "put(word, 0xffffffffu << place, bytes << place);\n            put(word + 1u, 0xffffffffu >> (32u - place), bytes >> (32u - place));",
        "",
    ),
    (
        "put(word, 0xffff0000u, first << 16u);\n        atomicStore(&output[word + 1u], (first >> 16u) | (second << 16u));\n        put(word + 2u, 0xffffu, second >> 16u);",
        "",
    ),
];

/// The shader without it.
pub(crate) fn inside(source: &str) -> Any<String> {
    let mut text = source.to_string();
    for (cold, instead) in COLD {
        text = text.replace(cold, instead);
    }
    // Where the shaders have changed, so must the list above.
    let marks = ["fn fill_stage", "fn extended_quad", "fn store_existing"];
    let is_tiled = marks.iter().all(|mark| source.contains(mark));
    let found = COLD[..4].iter().filter(|(cold, _)| source.contains(cold)).count();
    match is_tiled && found < 4 {
        true => Err("shaders/staging.wgsl has changed: see benches/static/src/inside.rs".into()),
        false => Ok(text),
    }
}
