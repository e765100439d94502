//! What runs on the GPU, dispatch by dispatch, for every part of a problem.

use std::fmt;
use std::ops::Range;

use crate::bounds::Spread;
use crate::element::DType;
use crate::plan::capabilities::{GpuCapabilities, GpuKind};
use crate::plan::gpu::depth::Depth;
use crate::plan::gpu::launch::{Launch, Shader, Types, Variant};
use crate::plan::gpu::parts::Part;
use crate::plan::gpu::stage::{Place, Stage, Taps};
use crate::plan::gpu::stored::Stored;
use crate::plan::gpu::tiling::MOST_ROUNDS;
use crate::plan::gpu::transform::Block;
use crate::plan::gpu::{methods, parts};
use crate::problem::geometry::{Axis, Geometry};
use crate::words::Method;

/// All dispatches of one convolution on the GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// Which method its dispatches make.
    pub method: Method,
    /// Outer products that are added up; 0 where the kernel is applied as it is.
    pub terms: usize,
    /// What all parts together compute.
    pub geometry: Geometry,
    /// Whether all of the input and of the output stay on the device at the same time: then parts are
    /// ranges of these, and one submission runs them all. Else each part travels on its own, and this
    /// says why.
    pub resident: Result<(), String>,
    /// Blocks of outputs, computed one after another; all together are the whole output.
    pub parts: Vec<Scheduled>,
}

/// A part and its dispatches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scheduled {
    /// What it reads and writes.
    pub part: Part,
    /// In the order that they run in.
    pub stages: Vec<Stage>,
}

/// A pooled buffer may be larger than what is in it by a quarter.
const POOLED: f64 = 1.25;

impl Schedule {
    /// The direct method.
    pub fn direct(
        dtype: DType,
        geometry: &Geometry,
        gpu: &GpuCapabilities,
    ) -> Result<Self, String> {
        Self::new(Method::Direct, dtype, geometry, 0, gpu, |geometry| {
            methods::direct(dtype, geometry, gpu)
        })
    }

    /// Transforms of blocks of this size.
    pub(crate) fn fft(
        dtype: DType,
        geometry: &Geometry,
        block: Block,
        gpu: &GpuCapabilities,
    ) -> Result<Self, String> {
        Self::new(Method::Fft, dtype, geometry, 0, gpu, |geometry| {
            methods::transforms(dtype, geometry, block, gpu)
        })
    }

    /// Passes along the axes, for each of `terms` outer products; with `repair`, what they leave as
    /// something that is not finite is computed again from the kernel.
    pub fn separable(
        dtype: DType,
        geometry: &Geometry,
        terms: usize,
        repair: bool,
        gpu: &GpuCapabilities,
    ) -> Result<Self, String> {
        Self::new(Method::Separable, dtype, geometry, terms, gpu, |geometry| {
            let mut stages = methods::separable(dtype, geometry, terms, gpu)?;
            if repair {
                let launch = Launch::repair(dtype, geometry, gpu)?;
                let ends = [Place::Input, Place::Output];
                stages.push(Stage::new(geometry, launch, Taps::All, ends));
            }
            Ok(stages)
        })
    }

    fn new(
        method: Method,
        dtype: DType,
        geometry: &Geometry,
        terms: usize,
        gpu: &GpuCapabilities,
        stages: impl Fn(&Geometry) -> Result<Vec<Stage>, String>,
    ) -> Result<Self, String> {
        let scheduled = |part: &Part| {
            let stages = stages(&part.geometry())?;
            Ok::<_, String>(Scheduled { part: part.clone(), stages })
        };
        let whole = Part::whole(geometry);
        let parts = parts::split(geometry, |part| {
            let scheduled = scheduled(part)?;
            let bytes = scheduled.bytes(dtype);
            if bytes > gpu.memory {
                return Err(format!("its buffers take {bytes} bytes, {} are allowed", gpu.memory));
            }
            // A part may be bound as a range, which starts where the device allows it.
            let geometry = part.geometry();
            let longest = geometry.input_len().max(geometry.output_len());
            let bound = (longest * dtype.size()) as u64 + u64::from(gpu.offset_alignment);
            if *part != whole && bound > gpu.max_binding {
                return Err(format!("{bound} bytes are bound, at most {}", gpu.max_binding));
            }
            Ok(())
        })?;
        let parts = parts.iter().map(scheduled).collect::<Result<_, _>>()?;
        let mut schedule =
            Self { method, terms, geometry: geometry.clone(), resident: Ok(()), parts };
        schedule.check_rounds(gpu)?;
        schedule.resident = schedule.stays(dtype, gpu);
        Ok(schedule)
    }

    /// Whether no invocation goes through loops more often than this device lets it.
    fn check_rounds(&self, gpu: &GpuCapabilities) -> Result<(), String> {
        let rounds = self.stages().map(|stage| stage.launch.rounds(&stage.geometry)).max();
        match rounds {
            Some(rounds) if gpu.kind == GpuKind::Software && rounds > MOST_ROUNDS => Err(format!(
                "it would take {rounds} rounds of a loop, and software adapters such as Mesa's end loops after \
                 {MOST_ROUNDS}"
            )),
            _ => Ok(()),
        }
    }

    /// Whether all of the input and of the output stay on this device, or why not.
    fn stays(&self, dtype: DType, gpu: &GpuCapabilities) -> Result<(), String> {
        let (geometry, size) = (&self.geometry, dtype.size() as u64);
        let [input, output] = [geometry.input_len(), geometry.output_len()].map(|n| n as u64);
        let largest = input.max(output) * size;
        if largest > gpu.max_buffer {
            return Err(format!("its buffers have at most {} bytes", gpu.max_buffer));
        }
        let between = self.between().iter().sum::<usize>() * dtype.accumulator().size();
        let gathered = self.gathered(geometry).iter().sum::<usize>() as u64;
        let buffers = between as u64 + (2 * (input + output) + gathered) * size;
        let spectrum = self.parts.iter().map(Scheduled::spectrum).max().unwrap_or(0);
        let all = (POOLED * buffers as f64) as u64 + spectrum;
        if all > gpu.memory {
            return Err(format!(
                "all buffers together take {all} bytes, {} are allowed",
                gpu.memory
            ));
        }
        if ![Place::Input, Place::Output].iter().all(|&end| self.binds(end, dtype.into())) {
            return Err("it copies whole words of 4 bytes, which blocks cut through".into());
        }
        Ok(())
    }

    /// Whether all parts find their share of an end that is stored like this: in one range, or copied
    /// together in whole words, as copies on a device do.
    fn binds(&self, end: Place, stored: Stored) -> bool {
        let is_word = |element: usize| stored.bytes(element).is_multiple_of(4);
        let words = |run: &Range<usize>| is_word(run.start) && is_word(run.end);
        self.parts.iter().all(|Scheduled { part, .. }| {
            let runs = match end {
                Place::Output => part.output_runs(&self.geometry),
                _ => part.input_runs(&self.geometry),
            };
            runs.len() == 1 || (!stored.is_texture() && runs.iter().all(words))
        })
    }

    /// Elements of the largest input and the largest output of parts that are no ranges of the whole.
    fn gathered(&self, whole: &Geometry) -> [usize; 2] {
        let gathered = |runs: &dyn Fn(&Part) -> Vec<Range<usize>>| {
            let runs = self.parts.iter().map(|scheduled| runs(&scheduled.part));
            let apart = runs.filter(|runs| runs.len() > 1);
            apart.map(|runs| runs.iter().map(Range::len).sum()).max().unwrap_or(0)
        };
        [gathered(&|part| part.input_runs(whole)), gathered(&|part| part.output_runs(whole))]
    }

    /// How input and output are stored.
    pub fn stored(&self) -> [Stored; 2] {
        let end = |is_there: fn(&Stage) -> bool, of: fn(&Types) -> Stored| {
            let stage = self.stages().find(|stage| is_there(stage));
            of(&stage
                .expect("some stage reads the input, and one writes the output")
                .launch
                .variant
                .types)
        };
        [
            end(|stage| stage.from == Place::Input, |types| types.input),
            end(|stage| stage.to == Place::Output, |types| types.output),
        ]
    }

    /// Schedules that run one after another, each on the results of the one before it, and compute
    /// the same from an input to an output that are stored in other ways.
    ///
    /// The stages at an end load or store what is there where they can; where not, all samples are
    /// converted before the first of them or after the last.
    pub fn stored_as(
        &self,
        [input, output]: [Stored; 2],
        gpu: &GpuCapabilities,
    ) -> Result<Vec<Self>, String> {
        let mut schedule = self.clone();
        let [read, written] = self.stored();
        let at =
            |end: Place| self.stages().filter(move |stage| [stage.from, stage.to].contains(&end));
        let reads = self.binds(Place::Input, input)
            && at(Place::Input).all(|stage| input.is_read_by(&stage.launch));
        // Those that add to what others have written count as well.
        let writes = self.binds(Place::Output, output)
            && at(Place::Output).all(|stage| {
                let [.., row] = &stage.geometry.axes[..] else { return false };
                output.is_written_by(&stage.launch, row.outputs())
            });
        for stage in schedule.parts.iter_mut().flat_map(|scheduled| &mut scheduled.stages) {
            let types = &mut stage.launch.variant.types;
            if reads && stage.from == Place::Input {
                types.input = input;
            }
            if writes && stage.to == Place::Output {
                types.output = output;
            }
        }
        let convert = |input, output, samples| Self::convert([input, output], samples, gpu);
        let before = (!reads).then(|| convert(input, read, self.geometry.input_len()));
        let after = (!writes).then(|| convert(written, output, self.geometry.output_len()));
        before.into_iter().chain([Ok(schedule)]).chain(after).collect()
    }

    /// Every sample as it is, stored in another way; as `f32` in between.
    fn convert(
        [input, output]: [Stored; 2],
        samples: usize,
        gpu: &GpuCapabilities,
    ) -> Result<Self, String> {
        let channels = input.channels().max(output.channels());
        let texels = samples / channels;
        let axis = Axis { n: texels, out: texels, channels, ..Axis::one_sample() };
        let accumulator = DType::F32;
        let types = Types { input, output, accumulator };
        Self::new(Method::Direct, accumulator, &Geometry { axes: vec![axis] }, 0, gpu, |geometry| {
            let launch = Launch::convert(types, geometry, gpu)?;
            Ok(vec![Stage::new(geometry, launch, Taps::None, [Place::Input, Place::Output])])
        })
    }

    /// The same method on another geometry, whose kernel has the same taps.
    #[cfg(feature = "gpu")]
    pub(crate) fn on(
        &self,
        dtype: DType,
        geometry: &Geometry,
        gpu: &GpuCapabilities,
    ) -> Result<Self, String> {
        if let Some(block) = self.block() {
            return Self::fft(dtype, geometry, block, gpu);
        }
        if self.terms == 0 {
            return Self::direct(dtype, geometry, gpu);
        }
        let repair = self.stages().any(|stage| stage.launch.variant.repair);
        Self::separable(dtype, geometry, self.terms, repair, gpu)
    }

    /// What is transformed together, where anything is.
    pub fn block(&self) -> Option<Block> {
        self.blocks().map(|(block, _)| block)
    }

    /// The same, and what it has along an axis before its rows, in the first part.
    pub(crate) fn blocks(&self) -> Option<(Block, Depth)> {
        let of_stage = |stage: &Stage| {
            let transform = stage.launch.variant.shader.transform()?;
            Some((transform.block, stage.launch.depth))
        };
        self.stages().find_map(of_stage)
    }

    /// How the errors of its transforms spread, where there are any.
    pub fn spread(&self) -> Option<Spread> {
        self.blocks().map(|(block, depth)| block.spread(depth.taps))
    }

    /// All dispatches.
    pub fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.parts.iter().flat_map(|scheduled| &scheduled.stages)
    }

    /// Elements between stages, in each of the two places, of the part that has most.
    pub fn between(&self) -> [usize; 2] {
        [0, 1].map(|place| {
            self.parts.iter().map(|scheduled| scheduled.between(place)).max().unwrap_or(0)
        })
    }
}

impl Scheduled {
    fn between(&self, place: usize) -> usize {
        let place = Place::Between(place);
        let at = |stage: &&Stage| stage.to == place || stage.also == Some(place);
        let written = self.stages.iter().filter(at);
        let elements = written.map(|stage| match stage.launch.variant.shader {
            Shader::Fft(_) => stage.launch.between().iter().sum(),
            _ => stage.geometry.output_len(),
        });
        elements.max().unwrap_or(0)
    }

    /// What it takes on the device to run it from and to host memory: input and output with their
    /// staging, what is between, and the kernel's spectrum.
    fn bytes(&self, dtype: DType) -> u64 {
        let geometry = self.part.geometry();
        let (input, output) = (geometry.input_len() as f64, geometry.output_len() as f64);
        let between = (self.between(0) + self.between(1)) as f64;
        let accumulator = dtype.accumulator().size() as f64;
        let pooled = 2.0 * (input + output) * dtype.size() as f64 + between * accumulator;
        (POOLED * pooled) as u64 + self.spectrum()
    }

    /// Bytes of the kernel's spectrum, which is not of the pool.
    fn spectrum(&self) -> u64 {
        let of = |stage: &Stage| {
            let Variant { shader, types, .. } = &stage.launch.variant;
            let numbers =
                shader.transform()?.block.samples().saturating_mul(stage.launch.depth.taps);
            Some(numbers.saturating_mul(types.accumulator.spectrum_bytes()))
        };
        self.stages.iter().filter_map(of).max().unwrap_or(0) as u64
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parts.len() > 1 {
            let how = if self.resident.is_ok() { "ranges" } else { "parts" };
            write!(f, "in {} {how}: ", self.parts.len())?;
        }
        let stages = &self.parts[0].stages;
        if stages.len() > 1 {
            write!(f, "{} passes, ", stages.len())?;
        }
        for (i, stage) in stages.iter().enumerate() {
            // Terms go the same way one after another.
            if i > 0 && stage.launch.variant.accumulate {
                return write!(f, "; and so on");
            }
            let then = if i > 0 { "; then " } else { "" };
            write!(f, "{then}{}", stage.launch)?;
        }
        Ok(())
    }
}
