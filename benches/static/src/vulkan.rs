//! What a driver's compiler says of a pipeline, through VK_KHR_pipeline_executable_properties.

use std::ffi::CStr;
use std::path::Path;
use std::ptr;

use ash::{khr::pipeline_executable_properties, vk};
use serde_json::Value;

use crate::Any;
use crate::spirv::Compiled;

/// The first device of `VK_DRIVER_FILES`. It lives as long as the process.
pub(crate) struct Device {
    device: ash::Device,
    executables: pipeline_executable_properties::Device,
    _entry: ash::Entry,
    pub name: String,
    pub driver: String,
}

impl Device {
    /// With the features that wgpu asks for: robust buffers above all, for which drivers check accesses
    /// one by one (`STATIC_ROBUST=0` leaves them out).
    pub(crate) fn open() -> Any<Self> {
        let robust = std::env::var("STATIC_ROBUST").as_deref() != Ok("0");
        let app = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let info = vk::InstanceCreateInfo::default().application_info(&app);
        let extensions =
            [pipeline_executable_properties::NAME.as_ptr(), ash::ext::robustness2::NAME.as_ptr()];
        let mut captured = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default()
            .pipeline_executable_info(true);
        let mut eleven =
            vk::PhysicalDeviceVulkan11Features::default().storage_buffer16_bit_access(true);
        let mut twelve = vk::PhysicalDeviceVulkan12Features::default().shader_float16(true);
        let mut robust_2 =
            vk::PhysicalDeviceRobustness2FeaturesEXT::default().robust_buffer_access2(robust);
        let features = vk::PhysicalDeviceFeatures::default().robust_buffer_access(robust);
        let queue = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
        // SAFETY: the loader and a driver, used as Vulkan says; every pointer is to a local that
        // outlives the call.
        unsafe {
            let entry = ash::Entry::load()?;
            let instance = entry.create_instance(&info, None)?;
            let physical = *instance.enumerate_physical_devices()?.first().ok_or("no device")?;
            let mut driver = vk::PhysicalDeviceDriverProperties::default();
            let mut about = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
            instance.get_physical_device_properties2(physical, &mut about);
            let text = |of: &CStr| of.to_string_lossy().into_owned();
            let name = text(about.properties.device_name_as_c_str()?);
            let driver = text(driver.driver_info_as_c_str()?);
            let info = vk::DeviceCreateInfo::default()
                .queue_create_infos(&queue)
                .enabled_extension_names(&extensions)
                .enabled_features(&features)
                .push_next(&mut captured)
                .push_next(&mut eleven)
                .push_next(&mut twelve)
                .push_next(&mut robust_2);
            let device = instance.create_device(physical, &info, None)?;
            let executables = pipeline_executable_properties::Device::new(&instance, &device);
            Ok(Self { device, executables, _entry: entry, name, driver })
        }
    }

    /// The statistics of a shader's pipeline; its texts are written to `file` with an ending each.
    pub(crate) fn compile(&self, shader: &Compiled, file: &Path) -> Any<Value> {
        let bound = |&(binding, ty)| {
            let one = vk::DescriptorSetLayoutBinding::default().binding(binding);
            one.descriptor_type(ty).descriptor_count(1).stage_flags(vk::ShaderStageFlags::COMPUTE)
        };
        let bindings: Vec<_> = shader.bindings.iter().map(bound).collect();
        let device = &self.device;
        // SAFETY: valid handles of one device; naga's SPIR-V is valid; every pointer is to a local that
        // outlives the call.
        let pipeline = unsafe {
            let info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
            let sets = [device.create_descriptor_set_layout(&info, None)?];
            let info = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
            let layout = device.create_pipeline_layout(&info, None)?;
            let info = vk::ShaderModuleCreateInfo::default().code(&shader.code);
            let module = device.create_shader_module(&info, None)?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(c"main");
            let flags = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
            let info = vk::ComputePipelineCreateInfo::default().stage(stage).layout(layout);
            let made = device.create_compute_pipelines(
                vk::PipelineCache::null(),
                &[info.flags(flags)],
                None,
            );
            made.map_err(|(_, error)| error)?[0]
        };
        self.write_texts(pipeline, file)?;
        self.numbers(pipeline)
    }

    fn numbers(&self, pipeline: vk::Pipeline) -> Any<Value> {
        let mut numbers = serde_json::Map::new();
        // SAFETY: a pipeline of this device, made to be asked for this.
        unsafe {
            let info = vk::PipelineInfoKHR::default().pipeline(pipeline);
            let all = self.executables.get_pipeline_executable_properties(&info)?;
            numbers.insert("Subgroup".into(), all[0].subgroup_size.into());
            let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
            for one in self.executables.get_pipeline_executable_statistics(&info)? {
                let name = one.name_as_c_str()?.to_string_lossy().into_owned();
                numbers.insert(name, one.value.u64.into());
            }
        }
        Ok(Value::Object(numbers))
    }

    fn write_texts(&self, pipeline: vk::Pipeline, file: &Path) -> Any<()> {
        let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
        let get = self.executables.fp().get_pipeline_executable_internal_representations_khr;
        // SAFETY: as above; the second call asks for as many as the first has counted, the third for as
        // many bytes of each as the second.
        unsafe {
            let mut count = 0;
            get(self.device.handle(), &info, &mut count, ptr::null_mut()).result()?;
            let one = vk::PipelineExecutableInternalRepresentationKHR::default();
            let mut all = vec![one; count as usize];
            get(self.device.handle(), &info, &mut count, all.as_mut_ptr()).result()?;
            let mut texts: Vec<Vec<u8>> = all.iter().map(|one| vec![0; one.data_size]).collect();
            for (one, text) in all.iter_mut().zip(&mut texts) {
                one.p_data = text.as_mut_ptr().cast();
            }
            get(self.device.handle(), &info, &mut count, all.as_mut_ptr()).result()?;
            for (one, text) in all.iter().zip(&texts) {
                let name = CStr::from_ptr(one.name.as_ptr()).to_string_lossy();
                let ending = name.replace(|c: char| !c.is_alphanumeric(), "_");
                let text = text.strip_suffix(b"\0").unwrap_or(text);
                std::fs::write(format!("{}.{ending}", file.display()), text)?;
            }
        }
        Ok(())
    }
}
