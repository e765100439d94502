//! The WGSL of every pipeline: an element's file, the extended input, a method.

use crate::element::DType;
use crate::plan::Shader;

/// The complete source of a direct shader for a type, or `None` where no shader has that type.
pub fn source(shader: Shader, dtype: DType) -> Option<String> {
    let element = match dtype {
        DType::F32 => include_str!("../../shaders/element_f32.wgsl"),
        DType::I32 => include_str!("../../shaders/element_i32.wgsl"),
        DType::U32 => include_str!("../../shaders/element_u32.wgsl"),
        DType::Complex32 => include_str!("../../shaders/element_complex32.wgsl"),
        _ => return None,
    };
    let method = match shader {
        Shader::Direct1d => include_str!("../../shaders/direct_1d.wgsl"),
        Shader::Direct2d => include_str!("../../shaders/direct_2d.wgsl"),
        Shader::DirectNd => include_str!("../../shaders/direct_nd.wgsl"),
    };
    Some([element, include_str!("../../shaders/extended.wgsl"), method].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    const SHADERS: [(Shader, &[&str]); 3] = [
        (Shader::Direct1d, &["WORKGROUP_X", "STAGE"]),
        (Shader::Direct2d, &["WORKGROUP_X", "WORKGROUP_Y", "STAGE"]),
        (Shader::DirectNd, &["WORKGROUP_X"]),
    ];
    const TYPES: [DType; 4] = [DType::F32, DType::I32, DType::U32, DType::Complex32];

    #[test]
    fn every_shader_of_every_type_is_valid_without_extensions() {
        for (shader, overrides) in SHADERS {
            for dtype in TYPES {
                let source = source(shader, dtype).expect("a supported type");
                let module = naga::front::wgsl::parse_str(&source).unwrap_or_else(|e| {
                    panic!("{shader:?} {dtype}: {}", e.emit_to_string(&source))
                });
                Validator::new(ValidationFlags::all(), Capabilities::empty())
                    .validate(&module)
                    .unwrap_or_else(|e| {
                        panic!("{shader:?} {dtype}: {}", e.emit_to_string(&source))
                    });
                assert!(module.entry_points.iter().any(|entry| entry.name == "main"));
                let declared: Vec<_> =
                    module.overrides.iter().filter_map(|(_, o)| o.name.as_deref()).collect();
                assert_eq!(declared, overrides, "{shader:?}");
                // Sizes that nobody sets would still be sizes.
                assert!(module.overrides.iter().all(|(_, o)| o.init.is_some()));
            }
        }
    }

    #[test]
    fn other_types_have_no_shader() {
        for dtype in [DType::F64, DType::Complex64, DType::I8, DType::U16, DType::I64, DType::U64] {
            assert_eq!(source(Shader::DirectNd, dtype), None);
        }
    }
}
