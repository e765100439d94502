//! Bind groups, kept by the buffers that they bind.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::gpu::passes::Span;

/// Bind groups that are kept: enough for a few frames in flight, each with buffers of its own.
const MOST: usize = 16;

/// The bind groups of one pipeline for the pairs of ranges it was last used on. A bind group keeps
/// its buffers alive, hence the bound.
#[derive(Debug, Default)]
pub struct Bindings {
    /// The one used last stands at the end.
    kept: Mutex<VecDeque<([Span; 2], wgpu::BindGroup)>>,
}

impl Bindings {
    /// The bind group for these ranges; made where there is none.
    pub fn get(
        &self,
        spans: [&Span; 2],
        make: impl FnOnce([&Span; 2]) -> wgpu::BindGroup,
    ) -> wgpu::BindGroup {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().position(|(key, _)| [&key[0], &key[1]] == spans);
        let entry = found.and_then(|i| kept.remove(i));
        let entry = entry.unwrap_or_else(|| (spans.map(Span::clone), make(spans)));
        let group = entry.1.clone();
        if kept.len() == MOST {
            kept.pop_front();
        }
        kept.push_back(entry);
        group
    }
}
