//! From stored levels to linear light and back: the curve of sRGB (IEC 61966-2-1, as CSS Color 4 has it).

use std::sync::LazyLock;

use bytemuck::Pod;

use crate::element::transform::Real;

/// What a channel of a picture is stored as.
pub trait Channel: Pod + PartialEq + Send + Sync {
    /// Alpha where nothing shows through, and light at its brightest.
    const OPAQUE: f32;
    /// The largest alpha that is stored as zero.
    const CLEAR: f32;
    /// Whether what is stored is light already.
    const IS_LIGHT: bool = false;

    /// All in linear light, where [`Channel::OPAQUE`] is the brightest still.
    fn to_light<C: From<f32>>(stored: &[Self], light: &mut [C]);

    /// The nearest levels of linear light.
    fn of_light<C: Real>(light: &[C], stored: &mut [Self]);
}

/// Samples of which one thing is done after the other: all but looking up is done by vectors.
const TOGETHER: usize = 64;

/// Light, from 0 to 1, of a stored value.
pub(crate) fn decoded(value: f64) -> f64 {
    match value.abs() {
        low if low <= 0.04045 => value / 12.92,
        high => ((high + 0.055) / 1.055).powf(2.4).copysign(value),
    }
}

/// The stored value of light.
fn encoded(light: f64) -> f64 {
    match light.abs() {
        low if low <= 0.003_130_8 => light * 12.92,
        high => (1.055 * high.powf(1.0 / 2.4) - 0.055).copysign(light),
    }
}

/// The light of each level.
fn lights<const LEVELS: usize>() -> Box<[f32; LEVELS]> {
    let brightest = (LEVELS - 1) as f64;
    let light = |level: usize| (decoded(level as f64 / brightest) * brightest) as f32;
    let lights: Box<[f32]> = (0..LEVELS).map(light).collect();
    lights.try_into().expect("one for each level")
}

static LIGHTS_OF_8_BITS: LazyLock<Box<[f32; 256]>> = LazyLock::new(lights);
static LIGHTS_OF_16_BITS: LazyLock<Box<[f32; 65_536]>> = LazyLock::new(lights);

/// Light of 8 bits is looked up by its exponent and some bits behind it, from this exponent on: what is
/// darker is black. No bin has more than one step from a level to the next.
const DARKEST: f32 = 1.0 / 8192.0;
const BITS: u32 = 7;
const BINS: usize = 13 << BITS;

/// The bits of a number that no bin is told by, as many as there are behind its own.
const BEHIND: u32 = 23 - BITS;

/// For each bin the level of its least light, above as many bits as lie behind: in these, how far from the bin's
/// end the step to the next level is, so that what lies behind it carries over when it is added. Some are never met.
static STEPS: LazyLock<Box<[u32; BINS.next_power_of_two()]>> = LazyLock::new(|| {
    let step = |level: usize| match level {
        0 => f32::NEG_INFINITY,
        256 => f32::INFINITY,
        level => decoded((level as f64 - 0.5) / 255.0) as f32,
    };
    let least: [f32; 257] = std::array::from_fn(step);
    Box::new(std::array::from_fn(|bin| {
        let start = DARKEST.to_bits() + ((bin as u32) << BEHIND);
        let light = f32::from_bits(start);
        let level = least.partition_point(|least| *least <= light) - 1;
        let room = 1 << BEHIND;
        let next = least.get(level + 1).map_or(room, |next| (next.to_bits() - start).min(room));
        ((level as u32) << BEHIND) + room - next
    }))
});

impl Channel for u8 {
    const OPAQUE: f32 = 255.0;
    const CLEAR: f32 = 0.5;

    #[inline(always)]
    fn to_light<C: From<f32>>(stored: &[Self], light: &mut [C]) {
        let lights = &**LIGHTS_OF_8_BITS;
        for (light, &stored) in light.iter_mut().zip(stored) {
            *light = lights[usize::from(stored)].into();
        }
    }

    #[inline(always)]
    fn of_light<C: Real>(light: &[C], stored: &mut [Self]) {
        let steps = &**STEPS;
        for (light, stored) in light.chunks(TOGETHER).zip(stored.chunks_mut(TOGETHER)) {
            let mut bits = [0; TOGETHER];
            for (bits, light) in bits.iter_mut().zip(light) {
                // A NaN is black.
                let light = as_f32(*light) / Self::OPAQUE;
                let light = light.max(DARKEST).min(1.0f32.next_down());
                *bits = light.to_bits() - DARKEST.to_bits();
            }
            let places = bits.map(|bits| bits >> BEHIND);
            let steps = places.map(|place| steps[place as usize % steps.len()]);
            let level = |(bits, step): (&u32, u32)| (step + bits % (1 << BEHIND)) >> BEHIND;
            for (stored, level) in stored.iter_mut().zip(bits.iter().zip(steps).map(level)) {
                *stored = level as Self;
            }
        }
    }
}

impl Channel for u16 {
    const OPAQUE: f32 = 65_535.0;
    const CLEAR: f32 = 0.5;

    #[inline(always)]
    fn to_light<C: From<f32>>(stored: &[Self], light: &mut [C]) {
        let lights = &**LIGHTS_OF_16_BITS;
        for (light, &stored) in light.iter_mut().zip(stored) {
            *light = lights[usize::from(stored)].into();
        }
    }

    #[inline(always)]
    fn of_light<C: Real>(light: &[C], stored: &mut [Self]) {
        let lines = &**LINES;
        for (light, stored) in light.chunks(TOGETHER).zip(stored.chunks_mut(TOGETHER)) {
            let mut lights = [0.0; TOGETHER];
            for (to, light) in lights.iter_mut().zip(light) {
                *to = within(as_f32(*light) / Self::OPAQUE);
            }
            let found = lights.map(line_at).map(|line| lines[line as usize % lines.len()]);
            let level = |(&light, line)| level(light, line);
            // Rounds; there is nothing to saturate.
            for (stored, level) in stored.iter_mut().zip(lights.iter().zip(found).map(level)) {
                *stored = level.round_ties_even() as u16;
            }
        }
    }
}

/// What is stored of light, both as parts of the brightest: off by a hundredth of a level of 16 bits at
/// most. What is darker than black is that, what is brighter than 1 is 1, and a NaN is black.
pub(crate) fn encoded_part(light: f32) -> f32 {
    let light = within(light);
    level(light, LINES[line_at(light) as usize % LINES.len()]) / u16::OPAQUE
}

/// From black to the brightest; a NaN is black.
#[inline(always)]
fn within(light: f32) -> f32 {
    if light > 0.0 { light.min(1.0) } else { 0.0 }
}

/// Which line light is on.
#[inline(always)]
fn line_at(light: f32) -> u32 {
    (light.max(LINES_FROM).to_bits() - LINES_FROM.to_bits()) >> (23 - LINE_BITS)
}

/// The level of 16 bits of light on a line.
#[inline(always)]
fn level(light: f32, (start, slope): (f32, f32)) -> f32 {
    // What lies behind the bin's start.
    let behind = light - f32::from_bits(light.to_bits() & !((1 << (23 - LINE_BITS)) - 1));
    let straight = light * (12.92 * u16::OPAQUE);
    if light < LINES_FROM { straight } else { start + slope * behind }
}

/// As a number of single precision.
#[inline(always)]
pub(super) fn as_f32<C: Real>(value: C) -> f32 {
    let value: f64 = value.into();
    value as f32
}

/// The light of what is stored, both as parts of the brightest; off by as little. What is beyond 0 and 1
/// is 0 or 1, and a NaN is black.
pub(crate) fn decoded_part(stored: f32) -> f32 {
    let level = if stored > 0.0 { stored.min(1.0) * u16::OPAQUE } else { 0.0 };
    let (below, lights) = (level as usize, &LIGHTS_OF_16_BITS[..]);
    let light = lights[below];
    let next = lights[(below + 1).min(lights.len() - 1)];
    (light + (level - below as f32) * (next - light)) / u16::OPAQUE
}

/// Light of 16 bits is looked up from here on; below, the curve is a straight line.
const LINES_FROM: f32 = 1.0 / 512.0;
const LINE_BITS: u32 = 10;
const LINE_BINS: usize = (9 << LINE_BITS) + 1;

/// Per bin the level of its least light, and levels per light: the curve between is off from a line by
/// `E'' h^2 / 8` at most, a hundredth of a level with those of rounding.
static LINES: LazyLock<Box<[(f32, f32); LINE_BINS.next_power_of_two()]>> = LazyLock::new(|| {
    let light = |bin: u32| f32::from_bits(LINES_FROM.to_bits() + (bin << (23 - LINE_BITS)));
    let level = |bin: u32| encoded(f64::from(light(bin))) * 65_535.0;
    let line = |bin: u32| {
        let width = f64::from(light(bin + 1)) - f64::from(light(bin));
        (level(bin) as f32, ((level(bin + 1) - level(bin)) / width) as f32)
    };
    let lines: Box<[_]> = (0..LINE_BINS.next_power_of_two() as u32).map(line).collect();
    lines.try_into().expect("one for each bin")
});

/// Floating-point samples are light already.
impl Channel for f32 {
    const OPAQUE: f32 = 1.0;
    const CLEAR: f32 = 0.0;
    const IS_LIGHT: bool = true;

    #[inline(always)]
    fn to_light<C: From<f32>>(stored: &[Self], light: &mut [C]) {
        light.iter_mut().zip(stored).for_each(|(light, &stored)| *light = stored.into());
    }

    #[inline(always)]
    fn of_light<C: Real>(light: &[C], stored: &mut [Self]) {
        stored.iter_mut().zip(light).for_each(|(stored, &light)| *stored = as_f32(light));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear<T: Channel>(level: T) -> f32 {
        let mut light = [f32::NAN];
        T::to_light(&[level], &mut light);
        light[0]
    }

    fn from_linear<T: Channel>(light: f32) -> T {
        let mut level = [T::zeroed()];
        T::of_light(&[light], &mut level);
        level[0]
    }

    #[test]
    fn the_curve_is_that_of_srgb() {
        // Half of the light is level 188, and level 128 some 22 % of it.
        assert_eq!(from_linear::<u8>(127.5), 188);
        assert!((linear(128u8) / 255.0 - 0.2158).abs() < 1e-4);
        for value in [0.0, 0.01, 0.04045, 0.5, 1.0, 1.7] {
            assert!((encoded(decoded(value)) - value).abs() < 1e-6, "{value}");
            assert_eq!(decoded(-value), -decoded(value));
        }
    }

    #[test]
    fn every_level_comes_back() {
        assert!((0..=u8::MAX).all(|level| from_linear::<u8>(linear(level)) == level));
        assert!((0..=u16::MAX).all(|level| from_linear::<u16>(linear(level)) == level));
    }

    #[test]
    fn levels_of_8_bits_are_the_nearest() {
        let nearest = |light: f32| (encoded(f64::from(light)) * 255.0).round().clamp(0.0, 255.0);
        for i in 0..2_000_000u32 {
            // All magnitudes, and all of the bins' ends.
            let light = f32::from_bits(0x3700_0000 + i * 97);
            let (level, nearest) = (from_linear::<u8>(light * 255.0), nearest(light));
            let exact = encoded(f64::from(light)) * 255.0;
            let tie = (exact.fract() - 0.5).abs() < 1e-4;
            assert!(tie || f64::from(level) == nearest, "{light}: {level}, {nearest}");
        }
        for light in [-1.0, f32::NEG_INFINITY, f32::NAN, 0.0, -0.0] {
            assert_eq!((from_linear::<u8>(light), from_linear::<u16>(light)), (0, 0));
        }
        for light in [1e9, f32::INFINITY] {
            assert_eq!((from_linear::<u8>(light), from_linear::<u16>(light)), (255, 65_535));
        }
    }

    #[test]
    fn levels_of_16_bits_are_the_nearest() {
        for i in 0..2_000_000u32 {
            let light = f32::from_bits(0x3600_0000 + i * 80);
            let exact = (encoded(f64::from(light)) * 65_535.0).clamp(0.0, 65_535.0);
            let level = f64::from(from_linear::<u16>(light * 65_535.0));
            assert!((level - exact).abs() < 0.52, "{light}: {level}, {exact}");
        }
    }

    #[test]
    fn parts_between_levels_are_those_of_the_curve() {
        let level = 1.0 / 65_535.0;
        for i in 0..=200_000u32 {
            let part = i as f32 / 200_000.0;
            let [light, stored] = [decoded_part(part), encoded_part(part)].map(f64::from);
            assert!((light - decoded(part.into())).abs() < 0.02 * level, "{part}: {light}");
            assert!((stored - encoded(part.into())).abs() < 0.02 * level, "{part}: {stored}");
        }
        let ends = [f32::NAN, -1.0, 0.0, 1.0, 7.0, f32::INFINITY];
        assert_eq!(ends.map(decoded_part), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(ends.map(encoded_part), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn no_bin_has_two_steps() {
        let levels: Vec<u32> = STEPS[..BINS].iter().map(|step| step >> BEHIND).collect();
        assert!(levels.windows(2).all(|pair| pair[1] - pair[0] <= 1));
    }
}
