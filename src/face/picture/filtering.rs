//! What a [`PictureFilter`] computes, of samples of any type.

use ndarray::Ix3;

use super::place::{Before, Place};
use super::run::Run;
use super::source::sealed;
use super::store::{show, store};
use super::{AlphaRule, PictureFilter};
use crate::element::wider::Wider;
use crate::error::{Error, Result};
use crate::format::pitched::Rows;
use crate::format::pixels::{Pixels, input, multiplied, output};
use crate::format::transfer::Channel;
use crate::simd::vectorized;
use crate::words::{Alpha, Light, Signed};

impl Run for PictureFilter {
    fn input(&self) -> &Ix3 {
        self.filter.input()
    }

    /// The picture's where a part of that is filtered.
    fn output(&self) -> &Ix3 {
        if self.place.is_some() { self.filter.input() } else { self.filter.output() }
    }

    fn run<T: sealed::Sample>(&self, x: Rows<T>, y: &mut [T]) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        let pixels = match self.signed {
            Signed::Clip => self.pixels(x)?,
            // Shown as numbers.
            _ => None,
        };
        let carried = match &self.alpha {
            AlphaRule::Carried(carried) => Some(carried),
            _ => None,
        };
        let by_alpha =
            pixels.is_some_and(|pixels| pixels.alpha == Alpha::Premultiplied) && carried.is_some();
        let masked = self.place.as_ref().is_some_and(Place::is_masked);
        let shown = pixels.unwrap_or(Pixels::plain(self.channels()));
        self.within(x, y, shown, |before, y| {
            if self.signed != Signed::Clip || by_alpha || masked {
                return self.store_sums(x, y, shown, before);
            }
            match (pixels, x.without_gaps()) {
                (None, Some(x)) => self.filter.run(x, y)?,
                _ => self.filtered(x, y, shown)?,
            }
            if let Some(carried) = carried {
                carried.copy(x, y, self.channels(), self.filter.threads())?;
            }
            Ok(())
        })
    }

    fn run_unrounded<T: sealed::Sample>(&self, x: Rows<T>, y: &mut [f32]) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        if self.place.is_none() {
            return self.unrounded(x, y);
        }
        let pixels = self.pixels(x)?.unwrap_or(Pixels::plain(self.channels()));
        let pixels = Pixels { encoded: false, ..pixels };
        self.within::<T, f32>(x, y, pixels, |before, y| {
            let mut sums = self.filter.scratch().take::<f32>(y.len(), "the picture's samples")?;
            self.unrounded(x, &mut sums)?;
            store::<T, f32>(y, pixels, self.filter.threads(), |start, block| {
                block.copy_from_slice(&sums[start..][..block.len()]);
                multiplied::<f32, T>(pixels, block);
                before.blend(start, block);
            })
        })
    }
}

impl PictureFilter {
    /// Stores what is shown of the sums, blended with what stands there.
    fn store_sums<T: sealed::Sample>(
        &self,
        x: Rows<T>,
        y: &mut [T],
        pixels: Pixels,
        before: Before<T>,
    ) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        let mut sums = self.filter.scratch().take(y.len(), "the picture's samples")?;
        self.unrounded(x, &mut sums)?;
        store::<T, T>(y, pixels, self.filter.threads(), |start, block| {
            block.copy_from_slice(&sums[start..][..block.len()]);
            show::<T>(self.signed, block, pixels.channels);
            multiplied::<f32, T>(pixels, block);
            before.blend(start, block);
        })
    }

    /// Calls `make` with the part of `y` that is filtered, and what stands in `x` there; the rest of `y`
    /// becomes what it is in `x`. `pixels` says what numbers are made.
    pub(super) fn within<T: Channel, U: Channel>(
        &self,
        x: Rows<T>,
        y: &mut [U],
        pixels: Pixels,
        make: impl FnOnce(Before<T>, &mut [U]) -> Result<()>,
    ) -> Result<()>
    where
        f32: Wider<T> + Wider<U>,
    {
        match &self.place {
            Some(place) => place.fill(x, y, pixels, make),
            None => make(Before::all(x, pixels), y),
        }
    }

    /// What is filtered, as numbers.
    pub(super) fn unrounded<T: sealed::Sample>(&self, x: Rows<T>, y: &mut [f32]) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        let pixels = self.pixels(x)?.unwrap_or(Pixels::plain(self.channels()));
        self.filtered::<T, f32>(x, y, Pixels { encoded: false, ..pixels })?;
        if let AlphaRule::Carried(carried) = &self.alpha {
            carried.copy(x, y, self.channels(), self.filter.threads())?;
        }
        Ok(())
    }

    /// What is done with the channels of these samples, if they are not filtered as they are.
    pub(super) fn pixels<T: Channel>(&self, x: Rows<T>) -> Result<Option<Pixels>> {
        if self.lit_outside && T::OPAQUE != self.opaque {
            let depth = |opaque| match opaque {
                u8::OPAQUE => "8 bits",
                u16::OPAQUE => "16 bits",
                _ => "floating point",
            };
            return Err(Error::Inadmissible {
                wanted: "a constant outside in linear light".into(),
                reason: format!(
                    "it was planned as a level of pictures of {}, got one of {}",
                    depth(self.opaque),
                    depth(T::OPAQUE)
                ),
            });
        }
        let channels = self.channels();
        let weighed = match self.alpha {
            AlphaRule::Weight { counts, edges_are_inside } => {
                counts && !(edges_are_inside && has_one_alpha(x, channels))
            }
            _ => false,
        };
        let decoded = self.light == Light::Linear && !T::IS_LIGHT;
        // Of levels as they are, only those are no more than alpha that are filtered as that is.
        let filtered = !matches!(self.alpha, AlphaRule::Carried(_));
        let premultiplied = self.premultiplied && !T::IS_LIGHT && (decoded || filtered);
        let alpha = match (weighed, premultiplied) {
            (true, _) => Alpha::Straight,
            (false, true) => Alpha::Premultiplied,
            (false, false) => Alpha::AsChannel,
        };
        let pixels = Pixels { channels, alpha, decoded, encoded: decoded };
        Ok((alpha != Alpha::AsChannel || decoded).then_some(pixels))
    }

    /// Filters pixels; `y` has the units of `x`, whatever it is stored as.
    fn filtered<T: Channel, U: Channel>(
        &self,
        x: Rows<T>,
        y: &mut [U],
        pixels: Pixels,
    ) -> Result<()>
    where
        f32: Wider<T> + Wider<U>,
        f64: Wider<T> + Wider<U>,
    {
        let colours = self.colours.filter(pixels);
        if colours.is_none() && self.filter.run_pixels(x, y, pixels)? {
            return Ok(());
        }
        // On a GPU, where results are checked, and where one filter is not enough.
        let scratch = self.filter.scratch();
        let samples = |len: usize| scratch.take::<f32>(len, "the picture's samples");
        let (mut wide, mut sums) = (samples(x.len())?, samples(y.len())?);
        input::<f32, T>(x, pixels).read(0, &mut wide);
        self.filter.run::<f32>(&wide, &mut sums)?;
        if let Some(filter) = colours {
            // Its constant has the units of the pictures that this was planned for.
            let scale = T::OPAQUE / self.opaque;
            wide.iter_mut().for_each(|x| *x *= scale);
            let mut colours = scratch.take::<f32>(sums.len(), "the picture's colours")?;
            filter.run::<f32>(&wide, &mut colours)?;
            let last = pixels.channels - 1;
            let both = sums.chunks_exact_mut(last + 1).zip(colours.chunks_exact(last + 1));
            for (sums, colours) in both {
                for (sum, colour) in sums[..last].iter_mut().zip(colours) {
                    *sum = colour / scale;
                }
            }
        }
        output::<f32, T, U>(y, pixels).write(0, &sums);
        Ok(())
    }
}

/// Whether alpha is the same everywhere, and something: colours may be filtered as they are.
fn has_one_alpha<T: Channel>(x: Rows<T>, channels: usize) -> bool {
    match channels {
        2 => is_last_the_same::<T, 2>(x),
        _ => is_last_the_same::<T, 4>(x),
    }
}

fn is_last_the_same<T: Channel, const N: usize>(x: Rows<T>) -> bool {
    // Of so many pixels no branch is made for each, for vectors.
    const PIXELS: usize = 1024;
    let all = || x.rows().flat_map(|row| row.as_chunks::<N>().0.chunks(PIXELS));
    let Some(first) = all().next().map(|pixels| pixels[0][N - 1]) else { return true };
    let same = |pixels: &[[T; N]]| {
        vectorized(
            #[inline(always)]
            || pixels.iter().fold(true, |same, pixel| same & (pixel[N - 1] == first)),
        )
    };
    // What is transparent everywhere has no colour.
    first != T::zeroed() && all().all(same)
}
