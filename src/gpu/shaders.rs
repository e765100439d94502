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
