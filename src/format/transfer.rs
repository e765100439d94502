//! From stored levels to linear light and back: the curve of sRGB (IEC 61966-2-1, as CSS Color 4 has it).

use std::sync::LazyLock;

use bytemuck::Pod;

/// What a channel of a picture is stored as.
pub trait Channel: Pod + PartialEq + Send + Sync {
    /// Alpha where nothing shows through, and light at its brightest.
    const OPAQUE: f32;
    /// The largest alpha that is stored as zero.
    const CLEAR: f32;
    /// Whether what is stored is light already.
    const IS_LIGHT: bool = false;

    /// In linear light, where [`Channel::OPAQUE`] is the brightest still.
    fn linear(self) -> f32;

    /// The nearest level of linear light.
    fn from_linear(light: f32) -> Self;
}

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
fn lights<const LEVELS: usize>() -> Box<[f32]> {
    let brightest = (LEVELS - 1) as f64;
    (0..LEVELS).map(|level| (decoded(level as f64 / brightest) * brightest) as f32).collect()
}

static LIGHTS_OF_8_BITS: LazyLock<Box<[f32]>> = LazyLock::new(lights::<256>);
static LIGHTS_OF_16_BITS: LazyLock<Box<[f32]>> = LazyLock::new(lights::<65_536>);

/// Where light of 8 bits changes from one level to the next.
struct Steps {
    /// The least light that is nearer to a level than to the one below it; that of 256 is never met.
    least: [f32; 257],
    /// The level of the least light of each bin. No bin has more than one step.
    levels: [u8; BINS],
}

/// Light is looked up by its exponent and some bits behind it, from this exponent on: what is darker is
/// black.
const DARKEST: f32 = 1.0 / 8192.0;
const BITS: u32 = 7;
const BINS: usize = 13 << BITS;

static STEPS: LazyLock<Steps> = LazyLock::new(|| {
    let step = |level: usize| match level {
        0 => f32::NEG_INFINITY,
        256 => f32::INFINITY,
        level => decoded((level as f64 - 0.5) / 255.0) as f32,
    };
    let least = std::array::from_fn(step);
    let levels = std::array::from_fn(|bin| {
        let light = f32::from_bits(DARKEST.to_bits() + ((bin as u32) << (23 - BITS)));
        (least.partition_point(|least| *least <= light) - 1) as u8
    });
    Steps { least, levels }
});

impl Channel for u8 {
    const OPAQUE: f32 = 255.0;
    const CLEAR: f32 = 0.5;

    fn linear(self) -> f32 {
        LIGHTS_OF_8_BITS[usize::from(self)]
    }

    fn from_linear(light: f32) -> Self {
        let steps = &*STEPS;
        // A NaN is black.
        let light = (light / Self::OPAQUE).max(DARKEST).min(1.0f32.next_down());
        let level = steps.levels[((light.to_bits() - DARKEST.to_bits()) >> (23 - BITS)) as usize];
        level + u8::from(light >= steps.least[usize::from(level) + 1])
    }
}

impl Channel for u16 {
    const OPAQUE: f32 = 65_535.0;
    const CLEAR: f32 = 0.5;

    fn linear(self) -> f32 {
        LIGHTS_OF_16_BITS[usize::from(self)]
    }

    fn from_linear(light: f32) -> Self {
        // Rounds; there is nothing to saturate.
        (encoded_part(light / Self::OPAQUE) * Self::OPAQUE).round_ties_even() as u16
    }
}

/// What is stored of light, both as parts of the brightest: off by a hundredth of a level of 16 bits at
/// most. What is darker than black is that, what is brighter than 1 is 1, and a NaN is black.
pub(crate) fn encoded_part(light: f32) -> f32 {
    let light = if light > 0.0 { light.min(1.0) } else { 0.0 };
    if light < LINES_FROM {
        return light * 12.92;
    }
    let bits = light.to_bits();
    let (start, slope) = LINES[((bits - LINES_FROM.to_bits()) >> (23 - LINE_BITS)) as usize];
    // What lies behind the bin's start.
    let behind = light - f32::from_bits(bits & !((1 << (23 - LINE_BITS)) - 1));
    (start + slope * behind) / u16::OPAQUE
}

/// The light of what is stored, both as parts of the brightest; off by as little. What is beyond 0 and 1
/// is 0 or 1, and a NaN is black.
pub(crate) fn decoded_part(stored: f32) -> f32 {
    let level = if stored > 0.0 { stored.min(1.0) * u16::OPAQUE } else { 0.0 };
    let (below, lights) = (level as usize, &**LIGHTS_OF_16_BITS);
    let light = lights[below];
    let next = lights[(below + 1).min(lights.len() - 1)];
    (light + (level - below as f32) * (next - light)) / u16::OPAQUE
}

/// Light of 16 bits is looked up from here on; below, the curve is a straight line.
const LINES_FROM: f32 = 1.0 / 512.0;
const LINE_BITS: u32 = 10;

/// Per bin the level of its least light, and levels per light: the curve between is off from a line by
/// `E'' h^2 / 8` at most, a hundredth of a level with those of rounding.
static LINES: LazyLock<Box<[(f32, f32)]>> = LazyLock::new(|| {
    let bins = (9 << LINE_BITS) + 1;
    let light = |bin: u32| f32::from_bits(LINES_FROM.to_bits() + (bin << (23 - LINE_BITS)));
    let level = |bin: u32| encoded(f64::from(light(bin))) * 65_535.0;
    let line = |bin: u32| {
        let width = f64::from(light(bin + 1)) - f64::from(light(bin));
        (level(bin) as f32, ((level(bin + 1) - level(bin)) / width) as f32)
    };
    (0..bins).map(line).collect()
});

/// Floating-point samples are light already.
impl Channel for f32 {
    const OPAQUE: f32 = 1.0;
    const CLEAR: f32 = 0.0;
    const IS_LIGHT: bool = true;

    fn linear(self) -> f32 {
        self
    }

    fn from_linear(light: f32) -> Self {
        light
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_is_that_of_srgb() {
        // Half of the light is level 188, and level 128 some 22 % of it.
        assert_eq!(u8::from_linear(127.5), 188);
        assert!((128u8.linear() / 255.0 - 0.2158).abs() < 1e-4);
        for value in [0.0, 0.01, 0.04045, 0.5, 1.0, 1.7] {
            assert!((encoded(decoded(value)) - value).abs() < 1e-6, "{value}");
            assert_eq!(decoded(-value), -decoded(value));
        }
    }

    #[test]
    fn every_level_comes_back() {
        assert!((0..=u8::MAX).all(|level| u8::from_linear(level.linear()) == level));
        assert!((0..=u16::MAX).all(|level| u16::from_linear(level.linear()) == level));
    }

    #[test]
    fn levels_of_8_bits_are_the_nearest() {
        let nearest = |light: f32| (encoded(f64::from(light)) * 255.0).round().clamp(0.0, 255.0);
        for i in 0..2_000_000u32 {
            // All magnitudes, and all of the bins' ends.
            let light = f32::from_bits(0x3700_0000 + i * 97);
            let (level, nearest) = (u8::from_linear(light * 255.0), nearest(light));
            let exact = encoded(f64::from(light)) * 255.0;
            let tie = (exact.fract() - 0.5).abs() < 1e-4;
            assert!(tie || f64::from(level) == nearest, "{light}: {level}, {nearest}");
        }
        for light in [-1.0, f32::NEG_INFINITY, f32::NAN, 0.0, -0.0] {
            assert_eq!((u8::from_linear(light), u16::from_linear(light)), (0, 0));
        }
        for light in [1e9, f32::INFINITY] {
            assert_eq!((u8::from_linear(light), u16::from_linear(light)), (255, 65_535));
        }
    }

    #[test]
    fn levels_of_16_bits_are_the_nearest() {
        for i in 0..2_000_000u32 {
            let light = f32::from_bits(0x3600_0000 + i * 80);
            let exact = (encoded(f64::from(light)) * 65_535.0).clamp(0.0, 65_535.0);
            let level = f64::from(u16::from_linear(light * 65_535.0));
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
        let levels = STEPS.levels.windows(2);
        assert!(levels.into_iter().all(|pair| pair[1] - pair[0] <= 1));
    }
}
