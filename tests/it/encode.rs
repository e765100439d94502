//! Filters in the caller's command encoder, on the caller's buffers.

use convolve::wgpu::{self, BufferUsages};
use convolve::{Boundary, Convolver, Device, Error, GpuSlice, Method, Mode, Options};
use ndarray::{Array2, ArrayD, Ix2};
use num_complex::Complex;

use crate::common::with;
use crate::common::*;

const USAGE: BufferUsages =
    BufferUsages::STORAGE.union(BufferUsages::COPY_SRC).union(BufferUsages::COPY_DST);

/// The caller's side: a device, its queue, and what it does with its buffers.
struct Caller {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

impl Caller {
    fn of(convolver: &Convolver) -> Self {
        let gpu = convolver.gpu().expect("a GPU");
        Self { device: gpu.device().clone(), queue: gpu.queue().clone() }
    }

    fn buffer(&self, bytes: &[u8], usage: BufferUsages) -> wgpu::Buffer {
        let size = bytes.len() as u64;
        let descriptor =
            wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        let buffer = self.device.create_buffer(&descriptor);
        self.queue.write_buffer(&buffer, 0, bytes);
        buffer
    }

    fn read(&self, buffer: &wgpu::Buffer) -> Vec<u8> {
        let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let staged = self.buffer(&vec![0; buffer.size() as usize], usage);
        self.run(|encoder| {
            encoder.copy_buffer_to_buffer(buffer, 0, &staged, 0, buffer.size());
            Ok(())
        })
        .expect("copies");
        staged.map_async(wgpu::MapMode::Read, .., |mapped| mapped.expect("maps"));
        self.device.poll(wgpu::PollType::wait_indefinitely()).expect("done");
        staged.get_mapped_range(..).expect("mapped").to_vec()
    }

    /// Records and submits.
    fn run(
        &self,
        record: impl FnOnce(&mut wgpu::CommandEncoder) -> convolve::Result<()>,
    ) -> convolve::Result<()> {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        record(&mut encoder)?;
        self.queue.submit([encoder.finish()]);
        Ok(())
    }
}

/// An array in a buffer of other things: elements before it, and neighbours along one axis that are
/// farther apart than need be.
#[derive(Clone, Copy, Debug)]
struct Place {
    before: usize,
    axis: usize,
    gap: usize,
    after: usize,
}

const DENSE: Place = Place { before: 0, axis: 0, gap: 0, after: 0 };

impl Place {
    /// Elements along a step of the axis.
    fn pitch(&self, shape: &[usize]) -> usize {
        shape.get(self.axis + 1..).map_or(1, |behind| behind.iter().product::<usize>()) + self.gap
    }

    fn slice<'a, A>(&self, buffer: &'a wgpu::Buffer, shape: &[usize]) -> GpuSlice<'a> {
        let slice = GpuSlice::new(buffer).offset((self.before * size_of::<A>()) as u64);
        if self.gap == 0 { slice } else { slice.pitch(self.axis, self.pitch(shape)) }
    }

    /// Where each element is, in standard order, and how many there are in all.
    fn indices<A>(&self, shape: &[usize]) -> (Vec<usize>, usize) {
        let len: usize = shape.iter().product();
        let row = self.pitch(shape) - self.gap;
        let place = |i: usize| self.before + i / row * self.pitch(shape) + i % row;
        let all: Vec<usize> = (0..len).map(place).collect();
        // Buffers are whole words.
        let end = (all[len - 1] + 1 + self.after).next_multiple_of(4usize.div_ceil(size_of::<A>()));
        (all, end)
    }
}

/// Records from one place to another, in buffers of NaN; checks that nothing else is written.
fn encoded<A: Value>(
    convolver: &Convolver,
    filter: &convolve::Filter<A, ndarray::IxDyn>,
    [from, to]: [Place; 2],
    x: &ArrayD<A>,
    y: &mut ArrayD<A>,
    round: usize,
) -> convolve::Result<()> {
    let caller = Caller::of(convolver);
    let filled = |place: Place, values: &ArrayD<A>| {
        let (places, len) = place.indices::<A>(values.shape());
        let mut all = vec![A::poison(round); len];
        for (at, value) in places.iter().zip(values) {
            all[*at] = *value;
        }
        caller.buffer(bytemuck::cast_slice(&all), USAGE)
    };
    let source = filled(from, x);
    let destination = filled(to, y);
    let slices = [from.slice::<A>(&source, x.shape()), to.slice::<A>(&destination, y.shape())];
    caller.run(|encoder| filter.encode(encoder, slices[0], slices[1]))?;
    let bytes = caller.read(&destination);
    let (places, len) = to.indices::<A>(y.shape());
    let all: Vec<A> =
        bytes.chunks_exact(size_of::<A>()).map(bytemuck::pod_read_unaligned).collect();
    assert_eq!(all.len(), len);
    let mut beside = vec![true; len];
    for (at, y) in places.iter().zip(y.iter_mut()) {
        (*y, beside[*at]) = (all[*at], false);
    }
    for (value, _) in all.iter().zip(&beside).filter(|(_, beside)| **beside) {
        let untouched = bytemuck::bytes_of(value) == bytemuck::bytes_of(&A::poison(round));
        assert!(untouched, "{value:?} was written beside the result");
    }
    Ok(())
}

#[test]
fn transforms_are_recorded_too() {
    let Some(convolver) = gpu() else { return };
    for taps in [[9, 10], [66, 65]] {
        let mut random = Random::new(31);
        let (x, k) = (random.array::<f32>(&[40, 50]), random.array(&taps));
        let subject = Subject::new(x, k, Options::default());
        let filter = subject.filter(convolver, GPU_FFT).expect("admissible");
        for places in [[DENSE; 2], [Place { before: 3, gap: 5, after: 2, axis: 0 }; 2]] {
            let tolerance = subject.tolerance(filter.plan());
            let checked =
                subject.check(tolerance, |x, _, _, y| encoded(convolver, &filter, places, x, y, 0));
            checked.unwrap_or_else(|e| panic!("{taps:?} {places:?} {e}"));
        }
    }
}

fn parity<A: Value>(every: usize) {
    let Some(convolver) = gpu_with(A::DTYPE) else { return };
    let alignment = 256 / size_of::<A>();
    let word = 4usize.div_ceil(size_of::<A>());
    let places = [
        DENSE,
        Place { before: alignment, after: 3, ..DENSE },
        Place { before: word, ..DENSE },
        Place { before: 3 * word, gap: 5, after: 2, axis: 0 },
        Place { gap: 1, axis: 1, ..DENSE },
    ];
    for (i, case) in table().iter().filter(|case| !case.swaps()).step_by(every).enumerate() {
        let subject = case.subject::<A>();
        let way = (Device::Auto, Method::Auto);
        let filter = subject.filter(convolver, way).expect("admissible");
        let plan = filter.gpu_plan().expect("the GPU has this type");
        let fits = |place: Place| match case.input.len() {
            rank if place.axis < rank => place,
            _ => Place { axis: 0, gap: 0, ..place },
        };
        let both = [places[i % 5], places[i / 5 % 5]].map(fits);
        let mut round = 0;
        subject
            .check(subject.tolerance(&plan), |x, _, _, y| {
                round += 1;
                encoded(convolver, &filter, both, x, y, round)
            })
            .unwrap_or_else(|error| panic!("{case:?} {both:?}\n{error}"));
    }
}

#[test]
fn parity_f32() {
    parity::<f32>(11);
}

#[cfg(feature = "f16")]
#[test]
fn parity_f16() {
    parity::<convolve::half::f16>(23);
}

#[test]
fn parity_u32() {
    parity::<u32>(41);
}

#[test]
fn parity_complex() {
    parity::<Complex<f32>>(37);
}

fn picture() -> Array2<f32> {
    Random::new(1).array::<f32>(&[37, 64]).into_dimensionality::<Ix2>().expect("two axes")
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect()
}

#[test]
fn a_frame_filters_in_place_and_in_several_steps() {
    let Some(convolver) = gpu() else { return };
    let caller = Caller::of(convolver);
    let x = picture();
    let blur = convolver.filter(&Array2::from_elem((3, 3), 1.0 / 9.0)).for_shape(x.dim());
    let blur = blur.expect("admissible");
    let edges = convolver.filter(&ndarray::arr2(&[[1.0, -1.0]])).for_shape(x.dim());
    let edges = edges.expect("admissible");
    let expected = edges.apply(&blur.apply(&x).expect("runs")).expect("runs");

    let buffer = caller.buffer(bytemuck::cast_slice(x.as_slice().expect("packed")), USAGE);
    for _ in 0..3 {
        let samples = bytemuck::cast_slice(x.as_slice().expect("packed"));
        caller.queue.write_buffer(&buffer, 0, samples);
        let frame = caller.run(|encoder| {
            blur.encode(encoder, &buffer, &buffer)?;
            edges.encode(encoder, &buffer, &buffer)
        });
        frame.expect("records");
        for (y, expected) in floats(&caller.read(&buffer)).iter().zip(&expected) {
            assert!((y - expected).abs() < 1e-5, "{y} {expected}");
        }
    }
}

#[test]
fn a_filter_may_go_before_its_work_is_submitted() {
    let Some(convolver) = gpu() else { return };
    let caller = Caller::of(convolver);
    let x = picture();
    let samples = bytemuck::cast_slice(x.as_slice().expect("packed"));
    let buffer = caller.buffer(samples, USAGE);
    let mut encoder = caller.device.create_command_encoder(&Default::default());
    let filter = convolver.filter(&Array2::<f32>::ones((3, 3))).for_shape(x.dim());
    let filter = filter.expect("admissible");
    let expected = filter.apply(&x).expect("runs");
    // In place, so that the result waits in a buffer of the filter's.
    filter.encode(&mut encoder, &buffer, &buffer).expect("records");
    drop(filter);
    // Whoever takes a buffer now must not take that one.
    let gpu = convolver.gpu().expect("a GPU");
    let others: Vec<_> = (0..4).map(|_| gpu.upload(&x).expect("uploads")).collect();
    caller.queue.submit([encoder.finish()]);
    for (y, expected) in floats(&caller.read(&buffer)).iter().zip(&expected) {
        assert!((y - expected).abs() < 1e-5, "{y} {expected}");
    }
    for other in others {
        assert_eq!(other.download().expect("downloads"), x);
    }
}

#[test]
fn arrays_longer_than_a_binding() {
    let Some((device, queue)) = own_device(Default::default()) else { return };
    let builder = narrowed(Convolver::builder(), |gpu| gpu.max_binding = 4096);
    let convolver = builder.build_with_device(device, queue).expect("it has compute shaders");
    let caller = Caller::of(&convolver);
    let x = picture();
    let samples = bytemuck::cast_slice(x.as_slice().expect("packed"));
    let kernel = Array2::<f32>::ones((3, 4));
    // Windows that wrap read ranges that are no neighbours, which are copied together.
    let filter = convolver.filter(&kernel).boundary(Boundary::Wrap).for_shape(x.dim());
    let filter = filter.expect("admissible");
    let expected = filter.apply(&x).expect("runs");
    let [source, target] = [0; 2].map(|_| caller.buffer(samples, USAGE));
    caller.run(|encoder| filter.encode(encoder, &source, &target)).expect("records");
    for (y, expected) in floats(&caller.read(&target)).iter().zip(&expected) {
        assert!((y - expected).abs() < 1e-5, "{y} {expected}");
    }
    let plain = BufferUsages::STORAGE | BufferUsages::COPY_DST;
    let source = caller.buffer(samples, plain);
    let error = caller.run(|encoder| filter.encode(encoder, &source, &target));
    let error = error.expect_err("it must be copied").to_string();
    assert!(error.contains("COPY_SRC"), "{error}");
}

/// Arrays that do not begin where their buffers do, longer than a binding: every part is a range at an
/// offset of its own.
#[test]
fn parts_of_arrays_in_the_middle_of_buffers() {
    let Some((device, queue)) = own_device(Default::default()) else { return };
    let builder = narrowed(Convolver::builder(), |gpu| gpu.max_binding = 4096);
    let convolver = builder.build_with_device(device, queue).expect("it has compute shaders");
    let places = [
        [Place { before: 64, after: 5, ..DENSE }, Place { before: 320, after: 70, ..DENSE }],
        [DENSE, Place { before: 128, after: 1, ..DENSE }],
    ];
    let mut random = Random::new(12);
    for (i, edge) in cases::EDGES.into_iter().enumerate() {
        for (input, kernel) in [([71, 37], [5, 4]), ([3, 1501], [2, 7])] {
            let stride = [1 + i % 2, 1].into();
            let options = with!(Options::default(), boundary: cases::of_type(edge).into(), stride);
            let (x, k) = (random.array::<f32>(&input), random.rank_one(&kernel));
            let subject = Subject::new(x, k, options);
            for method in [Method::Direct, Method::Separable] {
                let filter = subject.filter(&convolver, (Device::Gpu, method)).expect("in parts");
                assert!(filter.plan().to_string().contains("ranges"), "{}", filter.plan());
                let mut round = 0;
                subject
                    .check(subject.tolerance(filter.plan()), |x, _, _, y| {
                        round += 1;
                        encoded(&convolver, &filter, places[i % 2], x, y, round)
                    })
                    .unwrap_or_else(|error| panic!("{edge:?} {method} {input:?}\n{error}"));
            }
        }
    }
}

#[test]
fn later_frames_allocate_nothing() {
    // Nobody else allocates there.
    let Some((device, queue)) = own_device(Default::default()) else { return };
    let convolver = Convolver::with_device(device, queue).expect("it has compute shaders");
    let caller = Caller::of(&convolver);
    let filter = convolver.filter(&Array2::<f32>::ones((3, 5))).for_shape((300, 640));
    let filter = filter.expect("admissible");
    let [source, target] = [0; 2].map(|_| caller.buffer(&vec![0; 4 * 300 * 700], USAGE));
    let frame = || {
        let slices = [&source, &target].map(|buffer| GpuSlice::new(buffer).row_pitch(700));
        caller.run(|encoder| filter.encode(encoder, slices[0], slices[1])).expect("records");
        caller.device.poll(wgpu::PollType::wait_indefinitely()).expect("done");
        caller.device.generate_allocator_report().map(|report| report.allocations.len())
    };
    let before = caller.device.generate_allocator_report().map(|report| report.allocations.len());
    let Some(first) = frame() else {
        eprintln!("SKIPPED: this backend does not report its allocations");
        return;
    };
    assert!(before < Some(first), "two copies wait for the first frame");
    for _ in 0..5 {
        assert_eq!(frame(), Some(first));
    }
}

#[test]
fn what_cannot_be_is_said() {
    let Some(convolver) = gpu() else { return };
    let caller = Caller::of(convolver);
    let x = picture();
    let filter = convolver.filter(&Array2::<f32>::ones((3, 3))).for_shape(x.dim());
    let filter = filter.expect("admissible");
    let buffer = |elements: usize, usage| caller.buffer(&vec![0; 4 * elements], usage);
    let (good, small) = (buffer(37 * 64, USAGE), buffer(37 * 64 - 1, USAGE));
    let large = buffer(37 * 80 + 100, USAGE);
    let bad = buffer(37 * 64, BufferUsages::COPY_DST | BufferUsages::UNIFORM);
    let refused = |source: GpuSlice, target: GpuSlice| {
        let result = caller.run(|encoder| filter.encode(encoder, source, target));
        match result.expect_err("cannot be") {
            Error::GpuMisuse { reason } => reason,
            other => panic!("{other}"),
        }
    };
    let new = GpuSlice::new;
    for (source, words) in [
        (new(&small), ["source", "exceed its 9468 bytes"]),
        (new(&good).offset(4), ["source", "exceed"]),
        (new(&large).offset(2), ["multiple of 4", "got 2"]),
        (new(&good).row_pitch(65), ["65 apart", "exceed"]),
        (new(&large).row_pitch(63), ["rows of 64 elements", "63 apart"]),
        (new(&large).pitch(2, 90), ["axis 2", "2 axes"]),
        (new(&large).row_pitch(usize::MAX), ["source", "exceed"]),
        (new(&large).offset(u64::MAX - 3), ["source", "exceed"]),
        (new(&bad), ["expected usage STORAGE", "UNIFORM"]),
    ] {
        let reason = refused(source, new(&good));
        assert!(words.iter().all(|word| reason.contains(word)), "{words:?}: {reason}");
    }
    let reason = refused(new(&good), new(&bad));
    assert!(reason.contains("destination"), "{reason}");

    // A filter that the GPU does not have.
    let swapped = convolver.filter(&picture()).mode(Mode::Valid).for_shape((2, 3));
    let swapped = swapped.expect("admissible");
    let error = caller.run(|encoder| swapped.encode(encoder, &good, &large));
    assert!(matches!(error, Err(Error::Inadmissible { .. })));
}

/// Bytes and words of 16 bits as they are in buffers: dense, with gaps, in place.
#[test]
fn packed_samples() {
    fn over<T: convolve::FrameSample<f32> + bytemuck::Pod + PartialEq + std::fmt::Debug>(
        convolver: &Convolver,
        from: fn(usize) -> T,
    ) {
        let caller = Caller::of(convolver);
        let mut random = Random::new(3);
        let kernel = Array2::from_shape_fn((3, 5), |(i, j)| (1 + (i + 2 * j) % 4) as f32 / 32.0);
        let (height, width) = (21, 28);
        let filter = convolver.filter(&kernel).boundary(Boundary::Mirror).device(Device::Gpu);
        let filter = filter.for_shape((height, width)).expect("admissible");
        let x = Array2::from_shape_simple_fn((height, width), || from(random.below(1 << 16)));
        let exact = filter.apply_of::<T>(&x).expect("runs");
        let samples = |x: &Array2<T>| bytemuck::cast_slice(x.as_slice().unwrap()).to_vec();
        let size = size_of::<T>();
        // Dense.
        let source = caller.buffer(&samples(&x), USAGE);
        let target = caller.buffer(&vec![0; height * width * size], USAGE);
        caller.run(|encoder| filter.encode_of::<T>(encoder, &source, &target)).expect("records");
        assert_eq!(caller.read(&target), samples(&exact));
        // Rows farther apart, and behind other things; what is between them stays.
        let pitch = width + 4;
        let mut apart = vec![7u8; 8 + height * pitch * size];
        for (row, samples) in samples(&x).chunks(width * size).enumerate() {
            apart[8 + row * pitch * size..][..width * size].copy_from_slice(samples);
        }
        let source = caller.buffer(&apart, USAGE);
        let slice = || GpuSlice::new(&source).offset(8).row_pitch(pitch);
        caller.run(|encoder| filter.encode_of::<T>(encoder, slice(), &target)).expect("records");
        assert_eq!(caller.read(&target), samples(&exact));
        // In place.
        caller.run(|encoder| filter.encode_of::<T>(encoder, slice(), slice())).expect("records");
        let mut expected = apart;
        for (row, samples) in samples(&exact).chunks(width * size).enumerate() {
            expected[8 + row * pitch * size..][..width * size].copy_from_slice(samples);
        }
        assert_eq!(caller.read(&source), expected);
    }
    let Some(convolver) = gpu() else { return };
    over::<u8>(convolver, |value| value as u8);
    over::<u16>(convolver, |value| value as u16);
    let caller = Caller::of(convolver);
    let filter = convolver.filter(&Array2::<f32>::ones((3, 3))).for_shape((4, 6));
    let filter = filter.expect("admissible");
    let buffer = caller.buffer(&[0; 64], USAGE);
    let refused = caller.run(|encoder| filter.encode_of::<i16>(encoder, &buffer, &buffer));
    assert!(refused.expect_err("no words").to_string().contains("u8, u16"), "{filter:?}");
    let gaps = GpuSlice::new(&buffer).row_pitch(7);
    let refused = caller.run(|encoder| filter.encode_of::<u8>(encoder, gaps, &buffer));
    assert!(refused.expect_err("odd rows").to_string().contains("whole words of 4 bytes"));
}
