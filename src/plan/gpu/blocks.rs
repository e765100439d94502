//! How the passes of the FFT method are launched: over which blocks, in how many workgroups.

use crate::element::DType;
use crate::plan::capabilities::GpuCapabilities;
use crate::plan::gpu::depth::Depth;
use crate::plan::gpu::launch::{self, Launch, Shader, Types, Variant};
use crate::plan::gpu::planes::Planes;
use crate::plan::gpu::second_look::SecondLook;
use crate::plan::gpu::tiling::check_sizes;
use crate::plan::gpu::transform::{Block, BlockPass, Transform};
use crate::problem::geometry::{Axis, Geometry};

impl Launch {
    /// A pass over the kernel, as so many slabs of one block of the FFT method in several passes.
    pub(crate) fn of_kernel(accumulator: DType, transform: Transform, slabs: usize) -> Self {
        let block = transform.block;
        let groups = match transform.pass {
            BlockPass::KernelRows => [block.row_groups(), slabs],
            // Each has all of its columns in all slabs.
            _ => [block.column_groups(), 1],
        };
        let variant = Variant {
            shader: Shader::Fft(transform),
            workgroup: [transform.invocations(), 1],
            ..Variant::new(accumulator.into())
        };
        let (one, depth) = ([1; 2], Depth::of_kernel(slabs));
        let groups = groups.map(|n| n as u32);
        let (tiles, second_look) = ([1; 3], SecondLook::NONE);
        Self { variant, tile: one, chunk: one, stage_rows: 0, tiles, depth, second_look, groups }
    }

    /// One pass of the FFT method over all blocks of a geometry, or why there is none.
    pub(crate) fn fft(
        types: Types,
        geometry: &Geometry,
        transform: Transform,
        gpu: &GpuCapabilities,
    ) -> Result<Self, String> {
        check_sizes(types, geometry, gpu)?;
        let Transform { block, pass } = transform;
        let Planes { batch, depth, outer, inner } = Planes::transformed(geometry)?;
        let [rows, columns] = block.kept([&outer, &inner]).ok_or_else(|| {
            format!("a block of {} samples does not hold the kernel", block.samples())
        })?;
        let tile = [rows.min(outer.out), columns.min(inner.out)];
        let [down, across] = [outer.out.div_ceil(tile[0]), inner.out.div_ceil(tile[1])];
        let planes = batch * outer.channels * inner.channels;
        let along_slabs = depth.clone().unwrap_or_else(Axis::one_sample);
        let (planes, depth) = match &depth {
            None => (planes, Depth::ONE),
            Some(axis) => {
                let planes = planes * axis.channels;
                let all = planes.saturating_mul(down).saturating_mul(across);
                let (count, depth) = Depth::cut(axis, all, types.accumulator.packed_blocks());
                (planes * count, depth)
            }
        };
        let tiles = [planes, down, across];
        let variant = Variant {
            shader: Shader::Fft(transform),
            workgroup: [transform.invocations(), 1],
            ..Variant::new(types)
        };
        let second_look = match pass {
            BlockPass::Again => {
                let invocations = transform.invocations() as usize;
                let along = [&along_slabs, &outer, &inner];
                SecondLook::new(types.accumulator, along, invocations, gpu)
            }
            _ => SecondLook::NONE,
        };
        let (stage_rows, groups) = (0, [1, 1]);
        let mut launch =
            Self { variant, tile, chunk: tile, stage_rows, tiles, depth, second_look, groups };
        let transforms = launch.transforms();
        let of_planes = |groups: usize, planes: usize| {
            let (planes, most) = (transforms.saturating_mul(planes), gpu.max_groups as usize);
            (groups <= most && planes <= most).then_some([groups as u32, planes as u32])
        };
        let dispatched = match pass {
            BlockPass::Whole | BlockPass::Again if block.is_whole() => {
                launch::groups(transforms * second_look.shares, gpu)
            }
            BlockPass::Look => of_planes(block.looks(), depth.slabs),
            BlockPass::Rows => of_planes(block.row_groups(), depth.slabs),
            BlockPass::Columns | BlockPass::Spectra => {
                of_planes(block.column_groups(), depth.slabs)
            }
            BlockPass::Slabs => of_planes(block.column_groups(), depth.outputs),
            BlockPass::KernelRows | BlockPass::KernelColumns => {
                return Ok(Self::of_kernel(types.accumulator, transform, depth.taps));
            }
            BlockPass::Whole | BlockPass::Back | BlockPass::Again => {
                let rows = (tile[0] - 1) * outer.stride + 1;
                of_planes(rows.div_ceil(block.rows_of_group()), depth.outputs * second_look.shares)
            }
        };
        launch.groups = dispatched.ok_or_else(|| {
            format!("{transforms} transforms, more than a dispatch here has workgroups for, as it shares them out")
        })?;
        let between = launch.between().iter().fold(0usize, |sum, &n| sum.saturating_add(n));
        let bytes = between.saturating_mul(types.accumulator.size()) as u64;
        let most = gpu.max_binding.min(gpu.max_buffer);
        if bytes > most {
            return Err(format!(
                "transformed rows take {bytes} bytes, a binding here at most {most}"
            ));
        }
        Ok(launch)
    }

    /// Blocks in which samples of a type can be transformed along a geometry.
    pub(crate) fn blocks(
        dtype: DType,
        geometry: &Geometry,
        gpu: &GpuCapabilities,
    ) -> Result<Vec<Block>, String> {
        let Planes { depth, outer, inner, .. } = Planes::transformed(geometry)?;
        Block::all(depth.as_ref(), [&outer, &inner], dtype.accumulator(), gpu)
    }

    /// About how often an invocation goes through loops that doubts all of its outputs.
    pub(super) fn rounds_of_doubts(&self, geometry: &Geometry) -> usize {
        let Ok(Planes { depth, outer, inner, .. }) = Planes::transformed(geometry) else {
            return usize::MAX;
        };
        let slabs = depth.unwrap_or_else(Axis::one_sample);
        let Variant { types, workgroup: [invocations, _], .. } = &self.variant;
        self.second_look.most_rounds(
            types.accumulator,
            [&slabs, &outer, &inner],
            *invocations as usize,
        )
    }
}
