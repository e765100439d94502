//! SPIR-V as wgpu makes it for the library, which has nothing checked.

use ash::vk;
use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, ImageClass, ResourceBinding, ShaderStage, TypeInner};

use crate::Any;

/// A shader, and what is bound to it.
pub(crate) struct Compiled {
    pub code: Vec<u32>,
    pub bindings: Vec<(u32, vk::DescriptorType)>,
}

impl Compiled {
    pub(crate) fn new(source: &str) -> Any<Self> {
        let module = naga::front::wgsl::parse_str(source).map_err(|e| e.emit_to_string(source))?;
        let needed = Capabilities::SHADER_FLOAT16;
        let info = Validator::new(ValidationFlags::all(), needed)
            .validate(&module)
            .map_err(|e| e.emit_to_string(source))?;
        let bindings: Vec<_> = module
            .global_variables
            .iter()
            .filter_map(|(_, variable)| {
                let ty = match (variable.space, &module.types[variable.ty].inner) {
                    (AddressSpace::Uniform, _) => vk::DescriptorType::UNIFORM_BUFFER,
                    (_, TypeInner::Image { class: ImageClass::Storage { .. }, .. }) => {
                        vk::DescriptorType::STORAGE_IMAGE
                    }
                    (_, TypeInner::Image { .. }) => vk::DescriptorType::SAMPLED_IMAGE,
                    _ => vk::DescriptorType::STORAGE_BUFFER,
                };
                Some((variable.binding?.binding, ty))
            })
            .collect();
        let binding_map = bindings.iter().map(|&(binding, _)| {
            let there = spv::BindingInfo { descriptor_set: 0, binding, binding_array_size: None };
            (ResourceBinding { group: 0, binding }, there)
        });
        let unchecked = BoundsCheckPolicy::Unchecked;
        let options = spv::Options {
            lang_version: (1, 6),
            flags: spv::WriterFlags::LABEL_VARYINGS | spv::WriterFlags::FORCE_POINT_SIZE,
            bounds_check_policies: BoundsCheckPolicies {
                index: unchecked,
                buffer: unchecked,
                image_load: unchecked,
                binding_array: unchecked,
            },
            zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
            force_loop_bounding: false,
            emit_int_div_checks: false,
            binding_map: binding_map.collect(),
            ..Default::default()
        };
        let entry =
            spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".into() };
        let code = spv::write_vec(&module, &info, &options, Some(&entry))?;
        Ok(Self { code, bindings })
    }
}
