//! From a kernel, its options and a picture to a filter.

use ::image::{ColorType, Pixel};
use ndarray::{Axis, Ix2, Ix3};

use super::carried::Carried;
use super::colours::{Colours, edges_are_inside, with_constants};
use super::place::Place;
use super::source::{Picture, PictureSample, PixelType, View};
use super::{AlphaRule, PictureFilter, too_large};
use crate::element::DType;
use crate::error::{Error, Result};
use crate::face::builder::FilterBuilder;
use crate::format::transfer::{Channel, decoded};
use crate::problem::boundary::Boundary;
use crate::problem::{Options, PerAxis, Problem};
use crate::words::{Light, Mode, Signed, Tolerance};

impl FilterBuilder<f32, Ix2> {
    /// Plans for pictures of the size and the channels of this one.
    ///
    /// # Errors
    /// Those of [`FilterBuilder::for_pictures`].
    pub fn for_picture(&self, picture: &impl Picture) -> Result<PictureFilter> {
        let View { width, height, pixels, .. } = picture.to_view()?;
        self.for_pixels(width, height, pixels)
    }

    /// Plans for pictures of this size and of these pixels.
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    /// use image::{ImageBuffer, Luma};
    ///
    /// let blur = Convolver::new().picture_filter(&filters::gaussian(2.0)?);
    /// let blur = blur.for_pictures_of::<Luma<f32>>(64, 48)?;
    /// let depth = ImageBuffer::from_pixel(64, 48, Luma([0.5f32]));
    /// assert_eq!(blur.apply(&depth)?.dimensions(), (64, 48));
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`FilterBuilder::for_pictures`].
    pub fn for_pictures_of<P: Pixel<Subpixel: PictureSample>>(
        &self,
        width: u32,
        height: u32,
    ) -> Result<PictureFilter> {
        self.for_pixels(width, height, PixelType::of::<P>()?)
    }

    /// Plans for pictures of this size and of the channels of this colour type.
    ///
    /// # Errors
    /// [`Error::PixelType`]; [`Error::TooLarge`] where mode `valid` meets a kernel that is longer
    /// than the picture on an axis (a picture and a kernel never change places); and those of
    /// [`FilterBuilder::for_shape`], whose shapes are `[height, width, channels]`.
    pub fn for_pictures(&self, width: u32, height: u32, color: ColorType) -> Result<PictureFilter> {
        self.for_pixels(width, height, PixelType::of_color(color)?)
    }

    pub(super) fn for_pixels(
        &self,
        width: u32,
        height: u32,
        pixels: PixelType,
    ) -> Result<PictureFilter> {
        let PixelType { channels, opaque } = pixels;
        // Written so that a sum that is no number does not keep constants.
        let given = self.kernel.clone()?;
        let keeps_constants =
            (given.iter().map(|&tap| f64::from(tap)).sum::<f64>() - 1.0).abs() <= 1e-3;
        // Where each output is one pixel there is no mean for alpha to weigh.
        let mixes_pixels = given.iter().filter(|tap| **tap != 0.0).count() > 1;
        let mut options = with_channels(&self.options, channels)?;
        check_valid(&self.options, [height as usize, width as usize], given.dim())?;
        let kernel = given.insert_axis(Axis(2));
        let shape = (height as usize, width as usize, channels);
        let place = Place::new(self, [shape.0, shape.1], channels)?;
        if let Some(place) = &place {
            let whole = Problem::new(&[shape.0, shape.1, shape.2], kernel.shape(), &options)?;
            check_same_size(&whole)?;
            options = options.outputs(place.outputs());
        }
        let problem = Problem::new(&[shape.0, shape.1, shape.2], kernel.shape(), &options)?;
        let mut builder = FilterBuilder::new(self.convolver.clone(), Ok(kernel)).options(options);
        (builder.request, builder.check) = (self.request, self.check);
        // The taps are the same ones in the same order.
        builder.known = self.known.clone();
        let light = self.light;
        let lit = |value: f32| match light {
            // Floating-point pixels are light already.
            Light::Linear if opaque != f32::OPAQUE => {
                (decoded(f64::from(value / opaque)) * f64::from(opaque)) as f32
            }
            _ => value,
        };
        if opaque != f32::OPAQUE {
            builder.request.levels = Some(between(&builder, opaque, lit)?);
            builder.request.stored =
                Some(if opaque == u8::OPAQUE { DType::U8 } else { DType::U16 });
            // As the caller gave it.
            builder.request.check_tolerance()?;
            if let (Some(Tolerance::Levels(levels)), Light::Linear) =
                (self.request.tolerance, light)
            {
                builder.request.tolerance = Some(Tolerance::Levels(levels / STEEPEST));
            }
        }
        let alpha = match (pixels.has_alpha(), keeps_constants) {
            (false, _) => AlphaRule::Filtered,
            (true, false) => {
                let edges = self.options.boundary.resolve("boundary", 2)?;
                let carried = Carried::new(&problem, [edges[0], edges[1]])?;
                AlphaRule::Carried(Box::new(carried))
            }
            (true, true) if mixes_pixels => {
                AlphaRule::Weight { counts: true, edges_are_inside: edges_are_inside(&builder)? }
            }
            (true, true) => AlphaRule::Filtered,
        };
        let alpha_is_filtered = pixels.has_alpha() && keeps_constants;
        let lit_outside = match light {
            Light::Linear => with_constants(&builder, lit)?,
            Light::AsStored => None,
        };
        let filter = match &lit_outside {
            Some(lit) if !alpha_is_filtered => lit.for_shape(shape)?,
            _ => builder.for_shape(shape)?,
        };
        let lit_outside = lit_outside.is_some();
        let output = filter.output_dim();
        if [output[0], output[1]].iter().any(|&n| u32::try_from(n).is_err()) {
            return Err(too_large(&format!("{} x {} pixels", output[1], output[0])));
        }
        let colours = match (alpha_is_filtered, pixels.has_alpha() && lit_outside) {
            (true, _) => Colours::new(&builder, shape, light, [&lit, &|v| lit(v) * (v / opaque)])?,
            (false, true) => Colours::beside_copied_alpha(&builder, shape)?,
            (false, false) => Colours::default(),
        };
        let signed = Signed::default();
        Ok(PictureFilter {
            filter,
            light,
            lit_outside,
            alpha,
            premultiplied: false,
            opaque,
            colours,
            signed,
            place,
        })
    }

    /// In which light pictures of 8 and of 16 bits are filtered. Default: [`Light::AsStored`].
    ///
    /// ```
    /// use convolve::{Convolver, Light, filters};
    /// use image::{DynamicImage, GrayImage, Luma};
    ///
    /// // Black beside white: what lies between has half of the light.
    /// let edge = GrayImage::from_fn(8, 1, |x, _| Luma([if x < 4 { 0 } else { 255 }]));
    /// let edge = DynamicImage::from(edge);
    /// let blur = Convolver::new().picture_filter(&filters::box_mean(2)?).light(Light::Linear);
    /// let blurred = blur.for_picture(&edge)?.apply(&edge)?;
    /// assert!(blurred.as_bytes().contains(&188));
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn light(mut self, light: Light) -> Self {
        self.light = light;
        self
    }
}

/// How steep the curve of sRGB is where it is steepest, in the dark: levels for each level of light.
const STEEPEST: f64 = 12.92;

/// Between what samples lie, in the units of the picture, and what stands outside of it.
fn between(
    builder: &FilterBuilder<f32, Ix3>,
    opaque: f32,
    lit: impl Fn(f32) -> f32,
) -> Result<[f64; 2]> {
    let mut between = [0.0, f64::from(opaque)];
    for edge in builder.options.boundary.resolve("boundary", 3)? {
        if let Boundary::Constant(value) = edge {
            // Colours may be multiplied by it as their alpha.
            for value in [value, lit(value), value * value / opaque, lit(value) * (value / opaque)]
            {
                between = [between[0].min(value.into()), between[1].max(value.into())];
            }
        }
    }
    Ok(between)
}

/// The options of two axes, for three: every channel is filtered on its own.
fn with_channels(options: &Options<f32>, channels: usize) -> Result<Options<f32>> {
    fn and<T: Clone>(given: &PerAxis<T>, option: &'static str, channels: T) -> Result<PerAxis<T>> {
        let mut each = given.resolve(option, 2)?;
        each.push(channels);
        Ok(each.into())
    }
    Ok(Options {
        operation: options.operation,
        mode: options.mode,
        boundary: and(&options.boundary, "boundary", Boundary::Zero)?,
        stride: and(&options.stride, "stride", 1)?,
        dilation: and(&options.dilation, "dilation", 1)?,
        origin: and(&options.origin, "origin", 0)?,
        outputs: match &options.outputs {
            Some(outputs) => Some(and(outputs, "outputs", 0..channels)?),
            None => None,
        },
    })
}

/// Checks that mode `valid` has a picture that covers the kernel: the two do not change places.
/// What is wrong in every mode is left to others.
fn check_valid(options: &Options<f32>, picture: [usize; 2], kernel: (usize, usize)) -> Result<()> {
    let dilation = options.dilation.resolve("dilation", 2)?;
    let taps = [kernel.0, kernel.1];
    let length = |axis: usize| {
        let gaps: usize = taps[axis].saturating_sub(1);
        gaps.saturating_mul(dilation[axis]).saturating_add(1)
    };
    let lengths = [length(0), length(1)];
    let wrong_anyway = [picture, taps].concat().contains(&0) || dilation.contains(&0);
    if options.mode != Mode::Valid || wrong_anyway || (0..2).all(|i| lengths[i] <= picture[i]) {
        return Ok(());
    }
    let ([h, w], [m, n]) = (picture, lengths);
    let dilated = if lengths == taps { "" } else { "dilated " };
    let detail = format!(
        "mode valid needs a picture at least as large as the {dilated}kernel, got a picture of \
         {h} x {w} and a {dilated}kernel of {m} x {n} (height x width)"
    );
    Err(Error::TooLarge { what: "kernel", detail })
}

/// Checks that a result can take the place of what it is made of.
fn check_same_size(problem: &Problem) -> Result<()> {
    if problem.output == problem.input {
        return Ok(());
    }
    let of = |shape: &[usize]| format!("{} x {}", shape[1], shape[0]);
    Err(Error::Inadmissible {
        wanted: "a region or a mask".into(),
        reason: format!(
            "expected results of the picture's own size {} (mode same, stride 1), got {}",
            of(&problem.input),
            of(&problem.output)
        ),
    })
}
