//! What can be run and timed.

use std::time::{Duration, Instant};

use bytemuck::Pod;

/// One library's way of computing a case.
pub trait Contender {
    /// What it is going to do, in a word or two.
    fn note(&self) -> String;
    /// Runs once; the time of the call alone.
    fn run(&mut self) -> Result<Duration, String>;
    /// Runs so many times; the time of all of them.
    fn run_many(&mut self, times: u32) -> Result<Duration, String> {
        (0..times).map(|_| self.run()).sum()
    }
    /// The samples of the last result, in standard order.
    fn result(&self) -> Vec<u8>;
}

/// A library that returns a new array from every call.
pub struct Allocating<Call, Output> {
    call: Call,
    last: Option<Output>,
}

/// Something that holds samples.
pub trait Samples {
    /// They, as bytes, in standard order.
    fn samples(&self) -> Vec<u8>;
}

impl<A: Pod, D: ndarray::Dimension> Samples for ndarray::Array<A, D> {
    fn samples(&self) -> Vec<u8> {
        // Some results are parts of larger arrays.
        self.iter().flat_map(bytemuck::bytes_of).copied().collect()
    }
}

impl<P: image::Pixel<Subpixel: Pod>> Samples for image::ImageBuffer<P, Vec<P::Subpixel>> {
    fn samples(&self) -> Vec<u8> {
        bytemuck::cast_slice(self.as_raw()).to_vec()
    }
}

/// A contender that calls this.
pub fn allocating<Output: Samples + 'static>(
    call: impl FnMut() -> Result<Output, String> + 'static,
) -> Box<dyn Contender> {
    Box::new(Allocating { call, last: None })
}

impl<Call, Output> Contender for Allocating<Call, Output>
where
    Call: FnMut() -> Result<Output, String>,
    Output: Samples,
{
    fn note(&self) -> String {
        String::new()
    }

    fn run(&mut self) -> Result<Duration, String> {
        // Its memory may serve the next result, as it would in a loop.
        self.last = None;
        let start = Instant::now();
        let result = (self.call)()?;
        let elapsed = start.elapsed();
        self.last = Some(result);
        Ok(elapsed)
    }

    fn result(&self) -> Vec<u8> {
        self.last.as_ref().map(Samples::samples).unwrap_or_default()
    }
}
