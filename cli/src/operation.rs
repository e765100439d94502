//! What is planned for arrays and pictures: a filter, or several and what becomes of their results.

use anyhow::{Result, bail, ensure};
use convolve::{
    Alpha, Filter, FilterBuilder, GradientFilter, NanFilter, PictureFilter, PictureGradient,
    PictureUnsharp, Plan, UnsharpFilter,
};
use image::DynamicImage;
use ndarray::{Array, Array3, ArrayRef, Dimension, Ix2};

use crate::apply::Session;
use crate::args::Signed;
use crate::dtype::Value;
use crate::kernel::Operation;
use crate::report;

/// For arrays of one shape.
pub enum Planned<A: Value, D: Dimension> {
    Filter(Box<Filter<A, D>>),
    WithoutNan(Box<NanFilter<A, D>>),
    Gradient(Box<GradientFilter<A, D>>),
    Unsharp(Box<UnsharpFilter<A, D>>),
}

impl<A: Value, D: Dimension> Planned<A, D> {
    /// With this filter; `taps` makes the taps of further kernels what those of the first are.
    pub fn new(
        session: &Session,
        filter: FilterBuilder<A, D>,
        shape: D,
        taps: impl Fn(&crate::kernel::Kernel) -> Result<Array<A, D>>,
    ) -> Result<Self> {
        let ignore_nan = session.args.ignore_nan;
        ensure!(
            session.args.signed == Signed::Clip,
            "--signed goes with pictures of 8 or 16 bits or f32, got an array or other samples, which \
             keep their sign"
        );
        let operation = &session.kernel.operation;
        ensure!(
            !ignore_nan || matches!(operation, Operation::Convolution),
            "--ignore-nan goes with kernels, got {}",
            session.kernel.name()
        );
        Ok(match operation {
            Operation::Convolution if ignore_nan => {
                Self::WithoutNan(Box::new(filter.for_shape_ignoring_nan(shape)?))
            }
            Operation::Convolution => Self::Filter(Box::new(filter.for_shape(shape)?)),
            Operation::Gradient(other) => {
                Self::Gradient(Box::new(filter.gradient(&taps(other)?).for_shape(shape)?))
            }
            Operation::Unsharp { amount, threshold } => {
                Self::Unsharp(Box::new(filter.unsharp(*amount, *threshold).for_shape(shape)?))
            }
        })
    }

    pub fn plan(&self) -> &Plan {
        match self {
            Self::Filter(filter) => filter.plan(),
            Self::WithoutNan(filter) => filter.plan(),
            Self::Gradient(gradient) => gradient.plan(),
            Self::Unsharp(unsharp) => unsharp.plan(),
        }
    }

    /// The result with `offset` added, and what was asked for beside it.
    pub fn run(&self, session: &Session, x: &ArrayRef<A, D>, offset: A) -> Result<Array<A, D>> {
        let mut y = session.timed(self.plan(), || match self {
            Self::Filter(filter) => filter.apply(x),
            Self::WithoutNan(filter) => filter.apply(x),
            Self::Gradient(gradient) => gradient.apply(x),
            Self::Unsharp(unsharp) => unsharp.apply(x),
        })?;
        let filters: Vec<&Filter<A, D>> = match self {
            Self::Filter(filter) => vec![filter],
            // The command line refuses the two together.
            Self::WithoutNan(_) => Vec::new(),
            Self::Gradient(gradient) => gradient.parts().iter().collect(),
            Self::Unsharp(unsharp) => vec![unsharp.blur()],
        };
        for filter in filters {
            if session.args.verify {
                session.note(&report::agreed(filter.verify(x)?)?.to_string());
            }
            if session.args.profile {
                session.note(&filter.profile(x)?.to_string());
            }
        }
        if session.kernel.offset != 0.0 {
            let one = A::from_integer(1);
            y.mapv_inplace(|sum| sum.mul_add(one, offset));
        }
        Ok(y)
    }
}

/// For pictures of one size and type.
pub enum PicturePlanned {
    Filter(Box<PictureFilter>),
    Gradient(Box<PictureGradient>),
    Unsharp(Box<PictureUnsharp>),
}

impl PicturePlanned {
    /// With this filter; `taps` is another kernel's.
    pub fn new(
        session: &Session,
        filter: FilterBuilder<f32, Ix2>,
        picture: &DynamicImage,
        alpha: Alpha,
        taps: impl Fn(&crate::kernel::Kernel) -> Result<Array<f32, Ix2>>,
    ) -> Result<Self> {
        let offset = session.kernel.offset;
        ensure!(
            offset == 0.0 || !session.args.linear,
            "--linear: kernel {} has an offset, which is one of levels and not of light: expected a kernel \
             without",
            session.kernel.name()
        );
        let signed = match session.args.signed {
            Signed::Clip if offset != 0.0 => convolve::Signed::Offset((offset / 255.0) as f32),
            _ if offset != 0.0 => bail!("--signed: the kernel has an offset of its own, {offset}"),
            Signed::Clip => convolve::Signed::Clip,
            Signed::Absolute => convolve::Signed::Absolute,
            Signed::Offset => convolve::Signed::MID_GREY,
        };
        let is_signed = signed != convolve::Signed::Clip;
        let operation = &session.kernel.operation;
        ensure!(
            !is_signed || matches!(operation, Operation::Convolution),
            "--signed goes with single kernels, got {}",
            session.kernel.name()
        );
        Ok(match operation {
            Operation::Convolution => {
                let filter = filter.for_picture(picture)?.alpha(alpha).signed(signed);
                Self::Filter(Box::new(filter))
            }
            Operation::Gradient(other) => {
                Self::Gradient(Box::new(filter.gradient(&taps(other)?).for_picture(picture)?))
            }
            Operation::Unsharp { amount, threshold } => {
                let unsharp = filter.unsharp(*amount, *threshold).for_picture(picture)?;
                Self::Unsharp(Box::new(unsharp.alpha(alpha)))
            }
        })
    }

    pub fn plan(&self) -> &Plan {
        match self {
            Self::Filter(filter) => filter.plan(),
            Self::Gradient(gradient) => gradient.plan(),
            Self::Unsharp(unsharp) => unsharp.plan(),
        }
    }

    pub fn apply(&self, picture: &DynamicImage) -> convolve::Result<DynamicImage> {
        match self {
            Self::Filter(filter) => filter.apply(picture),
            Self::Gradient(gradient) => gradient.apply(picture),
            Self::Unsharp(unsharp) => unsharp.apply(picture),
        }
    }

    pub fn apply_unrounded(&self, picture: &DynamicImage) -> convolve::Result<Array3<f32>> {
        match self {
            Self::Filter(filter) => filter.apply_unrounded(picture),
            Self::Gradient(gradient) => gradient.apply_unrounded(picture),
            Self::Unsharp(unsharp) => unsharp.apply_unrounded(picture),
        }
    }

    /// The filters whose results it is made of.
    pub fn filters(&self) -> Vec<&PictureFilter> {
        match self {
            Self::Filter(filter) => vec![filter],
            Self::Gradient(gradient) => gradient.parts().iter().collect(),
            Self::Unsharp(unsharp) => vec![unsharp.blur()],
        }
    }
}
