//! Which part of a caller's texture a filter reads or writes.

use crate::error::{Error, Result};
use crate::gpu::context::Context;
use crate::plan::gpu::stored::{TexelFormat, Texels};
use crate::words::{Alpha, Light};

/// One mip level of one layer of a caller's texture, or a rectangle of it.
///
/// A `&wgpu::TextureView` is what the view shows. wgpu does not tell which mip level that is, so a
/// view goes only where its texture has no other: of a texture with several, name the level, as in
/// `GpuTexture::new(&texture).mip_level(1)`. A `&wgpu::Texture` is its first level and layer.
///
/// On OpenGL a texture has one layer: there, wgpu binds the first one of several whatever the view
/// says.
#[derive(Clone, Copy, Debug)]
pub struct GpuTexture<'a> {
    pub(crate) texture: &'a wgpu::Texture,
    view: Option<&'a wgpu::TextureView>,
    mip_level: u32,
    layer: u32,
    format: Option<wgpu::TextureFormat>,
    alpha: Alpha,
    light: Light,
    origin: Option<[u32; 2]>,
    size: Option<[u32; 2]>,
    reads_beyond: bool,
}

impl<'a> From<&'a wgpu::Texture> for GpuTexture<'a> {
    fn from(texture: &'a wgpu::Texture) -> Self {
        Self::new(texture)
    }
}

impl<'a> From<&'a wgpu::TextureView> for GpuTexture<'a> {
    fn from(view: &'a wgpu::TextureView) -> Self {
        Self { view: Some(view), ..Self::new(view.texture()) }
    }
}

/// Texels of a texture, from a column and a row on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rectangle {
    pub origin: [u32; 2],
    /// Width and height, neither of them 0.
    pub size: [u32; 2],
}

/// What a view of our own is of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ViewKey {
    texture: wgpu::Texture,
    mip_level: u32,
    layer: u32,
    format: Option<wgpu::TextureFormat>,
    usage: wgpu::TextureUsages,
}

impl<'a> GpuTexture<'a> {
    /// The first mip level of a texture's first layer.
    pub fn new(texture: &'a wgpu::Texture) -> Self {
        let (alpha, light) = (Alpha::AsChannel, Light::AsStored);
        Self {
            texture,
            view: None,
            mip_level: 0,
            layer: 0,
            format: None,
            alpha,
            light,
            origin: None,
            size: None,
            reads_beyond: false,
        }
    }

    /// The column and the row of the first texel. Default: 0 and 0.
    ///
    /// Of a destination that is where the result goes; all that is not of the result stays as it is.
    pub fn origin(self, [x, y]: [u32; 2]) -> Self {
        Self { origin: Some([x, y]), ..self }
    }

    /// Width and height in texels. Default: for a source, all from the origin on; for a destination, what
    /// the result has.
    ///
    /// ```no_run
    /// # fn frame(blur: convolve::TextureFilter, encoder: &mut convolve::wgpu::CommandEncoder,
    /// #          frame: convolve::wgpu::Texture, panel: convolve::wgpu::Texture) -> convolve::Result<()> {
    /// use convolve::GpuTexture;
    ///
    /// // What stands behind a panel of 320 x 200, of which not all lies in this texture.
    /// let behind = GpuTexture::new(&frame).origin([100, 60]).size([320, 200]).reads_beyond(true);
    /// blur.encode(encoder, behind, GpuTexture::new(&panel).origin([0, 0]))?;
    /// # Ok(()) }
    /// ```
    pub fn size(self, [width, height]: [u32; 2]) -> Self {
        Self { size: Some([width, height]), ..self }
    }

    /// Whether windows that leave the rectangle of a source read what stands there in the texture, so that
    /// the result is a part of that of the whole; boundaries hold at the texture's ends then. By default
    /// they hold at the rectangle's, and nothing outside of it is read.
    pub fn reads_beyond(self, beyond: bool) -> Self {
        Self { reads_beyond: beyond, ..self }
    }

    /// Another mip level: each has half the width and height of the one before it.
    pub fn mip_level(self, mip_level: u32) -> Self {
        Self { mip_level, view: None, ..self }
    }

    /// Another layer.
    pub fn layer(self, layer: u32) -> Self {
        Self { layer, view: None, ..self }
    }

    /// Seen in another format, one of the texture's `view_formats`.
    pub fn format(self, format: wgpu::TextureFormat) -> Self {
        Self { format: Some(format), view: None, ..self }
    }

    /// What alpha is to the colours of four channels. Default: [`Alpha::AsChannel`].
    ///
    /// Under [`Alpha::Straight`] the colours of a source are multiplied by their alpha as they are read, and
    /// those of a destination divided by it as they are written, for kernels that keep constants: whose taps
    /// sum to 1. [`Alpha::Premultiplied`] matters where light is decoded or encoded, and in `unorm`
    /// destinations, whose colours are kept from exceeding their alpha.
    pub fn alpha(self, alpha: Alpha) -> Self {
        Self { alpha, ..self }
    }

    /// Whether the levels of a `unorm` format that is not an sRGB one are decoded as they are read, or
    /// encoded as they are written, by the curve of sRGB: [`Light::Linear`]. Other formats hold light, or are decoded by the
    /// device, and are not changed by this. Default: [`Light::AsStored`].
    ///
    /// ```no_run
    /// # fn frame(filter: convolve::Filter<f32, ndarray::Ix2>, encoder: &mut convolve::wgpu::CommandEncoder,
    /// #          sprite: convolve::wgpu::Texture, blurred: convolve::wgpu::Texture) -> convolve::Result<()> {
    /// use convolve::{Alpha, GpuTexture, Light};
    ///
    /// // Rgba8Unorm, straight alpha, sRGB's levels: no dark halo, and lights stay bright.
    /// let meant = |texture| GpuTexture::new(texture).alpha(Alpha::Straight).light(Light::Linear);
    /// filter.encode_texture(encoder, meant(&sprite), meant(&blurred))?;
    /// # Ok(()) }
    /// ```
    pub fn light(self, light: Light) -> Self {
        Self { light, ..self }
    }

    /// What its texels mean.
    pub(crate) fn texels(&self) -> Texels {
        let encoded = self.light == Light::Linear && holds_levels(self.seen_as());
        let has_alpha = self.seen_as().components() == 4;
        let weighed = has_alpha && self.alpha == Alpha::Straight;
        let premultiplied = has_alpha && self.alpha == Alpha::Premultiplied;
        Texels { weighed, premultiplied, encoded, bounded: false }
    }

    /// The format that it is seen in; of a caller's view, that of its texture.
    pub(crate) fn seen_as(&self) -> wgpu::TextureFormat {
        self.format.unwrap_or_else(|| self.texture.format())
    }

    /// Checks that it is a plane of texels with one of these usages, and one that this device can bind.
    /// `what` names it in errors.
    pub(crate) fn check(
        &self,
        what: &str,
        context: &Context,
        usages: &[wgpu::TextureUsages],
    ) -> Result<()> {
        let error =
            |reason: String| Err(Error::gpu_misuse(format!("the {what} texture: {reason}")));
        let Self { texture, mip_level, layer, .. } = *self;
        if texture.dimension() != wgpu::TextureDimension::D2 || texture.sample_count() != 1 {
            let (dimension, samples) = (texture.dimension(), texture.sample_count());
            return error(format!(
                "expected 2 dimensions and 1 sample per texel, got {dimension:?} and {samples}"
            ));
        }
        let (levels, layers) = (texture.mip_level_count(), texture.depth_or_array_layers());
        if self.view.is_some() && levels > 1 {
            return error(format!(
                "wgpu does not tell which of its {levels} mip levels a view shows: expected a \
                 texture with one level, or GpuTexture::new(&texture).mip_level(..)"
            ));
        }
        if layers > 1 && !context.binds_layers() {
            return error(format!(
                "expected a texture with one layer, got {layers}, of which wgpu cannot bind a single \
                 one on OpenGL"
            ));
        }
        for (name, at, count) in [("mip level", mip_level, levels), ("layer", layer, layers)] {
            if at >= count {
                return error(format!("expected a {name} below {count}, got {at}"));
            }
        }
        if !usages.iter().any(|&usage| texture.usage().contains(usage)) {
            let names = usages.iter().flat_map(|usage| usage.iter_names()).map(|(name, _)| name);
            let names = names.collect::<Vec<_>>().join(" or ");
            return error(format!("expected usage {names}, got {:?}", texture.usage()));
        }
        Ok(())
    }

    /// Width and height of the whole level, in texels.
    pub(crate) fn level_size(&self) -> [u32; 2] {
        let Self { texture, mip_level, .. } = *self;
        [texture.width(), texture.height()].map(|n| (n >> mip_level).max(1))
    }

    /// The rectangle of a source, of the texels that it has.
    pub(crate) fn source_rectangle(&self) -> Result<Rectangle> {
        let (level, origin) = (self.level_size(), self.origin.unwrap_or_default());
        let rest = [0, 1].map(|axis| level[axis].saturating_sub(origin[axis]));
        self.rectangle("source", origin, self.size.unwrap_or(rest))
    }

    /// The rectangle of a destination, which a result of this size goes into.
    pub(crate) fn destination_rectangle(&self, result: [u32; 2]) -> Result<Rectangle> {
        let [width, height] = result;
        let whole = self.origin.is_none().then(|| self.level_size());
        if let Some([w, h]) = self.size.or(whole).filter(|size| *size != result) {
            let Self { mip_level, .. } = self;
            let level =
                if *mip_level > 0 { format!(" in mip level {mip_level}") } else { "".into() };
            return Err(Error::gpu_misuse(format!(
                "the destination texture: expected {width} x {height} texels (width x height), which the \
                 result has, got {w} x {h}{level}: GpuTexture::origin says where in a larger one it goes"
            )));
        }
        self.rectangle("destination", self.origin.unwrap_or_default(), result)
    }

    fn rectangle(&self, what: &str, origin: [u32; 2], size: [u32; 2]) -> Result<Rectangle> {
        let level = self.level_size();
        let fits = |axis: usize| {
            size[axis] > 0
                && origin[axis].checked_add(size[axis]).is_some_and(|end| end <= level[axis])
        };
        if fits(0) && fits(1) {
            return Ok(Rectangle { origin, size });
        }
        let ([w, h], [x, y], [width, height]) = (level, origin, size);
        Err(Error::gpu_misuse(format!(
            "the {what} texture: expected a rectangle of at least 1 x 1 texels (width x height) within its \
             {w} x {h}, got {width} x {height} from column {x} and row {y} on"
        )))
    }

    /// Whether windows read beyond the rectangle.
    pub(crate) fn is_read_beyond(&self) -> bool {
        self.reads_beyond
    }

    /// Whether both may be the same texels: wgpu does not tell which of several layers a view shows.
    pub(crate) fn is(&self, other: &GpuTexture<'a>) -> bool {
        let shown = |texture: &Self| (texture.mip_level, texture.layer);
        let views = [self.view, other.view];
        let is_told = views == [None; 2] || self.texture.depth_or_array_layers() == 1;
        self.texture == other.texture && (!is_told || shown(self) == shown(other))
    }

    /// The caller's view, or what one with this usage is to be made of.
    pub(crate) fn view(
        &self,
        usage: wgpu::TextureUsages,
    ) -> Result<&'a wgpu::TextureView, ViewKey> {
        let Self { mip_level, layer, format, .. } = *self;
        self.view.ok_or_else(|| {
            let texture = self.texture.clone();
            ViewKey { texture, mip_level, layer, format, usage }
        })
    }
}

/// Whether a format holds levels that nobody decodes.
fn holds_levels(format: wgpu::TextureFormat) -> bool {
    use wgpu::TextureFormat::*;
    match format {
        R8Unorm | Rg8Unorm | Rgba8Unorm | Bgra8Unorm | R16Unorm | Rg16Unorm | Rgba16Unorm
        | Rgb10a2Unorm | Bc1RgbaUnorm | Bc2RgbaUnorm | Bc3RgbaUnorm | Bc4RUnorm | Bc5RgUnorm
        | Bc7RgbaUnorm | Etc2Rgb8Unorm | Etc2Rgb8A1Unorm | Etc2Rgba8Unorm | EacR11Unorm
        | EacRg11Unorm => true,
        Astc { channel, .. } => channel == wgpu::AstcChannel::Unorm,
        _ => false,
    }
}

/// A format in wgpu's words.
pub(crate) fn texture_format(format: TexelFormat) -> wgpu::TextureFormat {
    match format {
        TexelFormat::Rgba8Unorm => wgpu::TextureFormat::Rgba8Unorm,
        TexelFormat::Bgra8Unorm => wgpu::TextureFormat::Bgra8Unorm,
        TexelFormat::Rgba16Float => wgpu::TextureFormat::Rgba16Float,
        TexelFormat::R32Float => wgpu::TextureFormat::R32Float,
        TexelFormat::Rgba32Float => wgpu::TextureFormat::Rgba32Float,
    }
}

/// A format that shaders of ours store to on a device with these features.
pub(crate) fn texel_format(
    format: wgpu::TextureFormat,
    features: wgpu::Features,
) -> Option<TexelFormat> {
    let found = TexelFormat::ALL.into_iter().find(|&texels| texture_format(texels) == format);
    let needed = match found {
        Some(TexelFormat::Bgra8Unorm) => wgpu::Features::BGRA8UNORM_STORAGE,
        _ => wgpu::Features::empty(),
    };
    found.filter(|_| features.contains(needed))
}

/// Whether floating-point colours can be drawn to a format.
pub(crate) fn drawable(format: wgpu::TextureFormat, features: wgpu::Features) -> bool {
    let allowed = format.guaranteed_format_features(features).allowed_usages;
    let sampled = format.sample_type(None, Some(features));
    allowed.contains(wgpu::TextureUsages::RENDER_ATTACHMENT)
        && format.has_color_aspect()
        && matches!(sampled, Some(wgpu::TextureSampleType::Float { .. }))
}

/// What holds all that a format that is drawn to can: of half precision where that has the digits.
pub(crate) fn scratch_format(format: wgpu::TextureFormat) -> TexelFormat {
    use wgpu::TextureFormat::*;
    let single = matches!(
        format,
        Rgb10a2Unorm
            | R16Unorm
            | Rg16Unorm
            | Rgba16Unorm
            | R16Snorm
            | Rg16Snorm
            | Rgba16Snorm
            | R32Float
            | Rg32Float
            | Rgba32Float
    );
    match (format.components(), single) {
        (1, _) => TexelFormat::R32Float,
        (_, true) => TexelFormat::Rgba32Float,
        (_, false) => TexelFormat::Rgba16Float,
    }
}

/// Bytes of a texel; of compressed formats rounded up.
pub(crate) fn texel_bytes(format: wgpu::TextureFormat) -> u64 {
    let (width, height) = format.block_dimensions();
    u64::from(format.block_copy_size(None).unwrap_or(4).div_ceil(width * height))
}

impl ViewKey {
    /// A view of it. To be called where wgpu's errors are caught.
    pub(crate) fn make(&self) -> wgpu::TextureView {
        self.texture.create_view(&wgpu::TextureViewDescriptor {
            label: Some("convolve"),
            format: self.format,
            // Another format need not be capable of all that the texture is used for.
            usage: Some(self.usage),
            dimension: Some(wgpu::TextureViewDimension::D2),
            base_mip_level: self.mip_level,
            mip_level_count: Some(1),
            base_array_layer: self.layer,
            array_layer_count: Some(1),
            ..Default::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wgpu::TextureFormat::*;

    #[test]
    fn what_is_stored_and_what_is_drawn() {
        let none = wgpu::Features::empty();
        assert_eq!(texel_format(Rgba8UnormSrgb, none), None);
        assert_eq!(texel_format(Bgra8Unorm, none), None);
        let bgra = texel_format(Bgra8Unorm, wgpu::Features::BGRA8UNORM_STORAGE);
        assert_eq!(bgra, Some(TexelFormat::Bgra8Unorm));
        let all = [Rgba8UnormSrgb, Bgra8UnormSrgb, Bgra8Unorm, Rgb10a2Unorm, R8Unorm, Rg16Float];
        assert!(all.iter().all(|&format| drawable(format, none)));
        let not = [Rgba8Uint, Depth32Float, Rgba8Snorm, Bc7RgbaUnorm, Rgb9e5Ufloat];
        assert!(not.iter().all(|&format| !drawable(format, none)));
        let scratch = [Rgba8UnormSrgb, R8Unorm, Rg32Float].map(scratch_format);
        let expected = [TexelFormat::Rgba16Float, TexelFormat::R32Float, TexelFormat::Rgba32Float];
        assert_eq!(scratch, expected);
        assert_eq!([Rg11b10Ufloat, Rgba16Float, Bc7RgbaUnorm].map(texel_bytes), [4, 8, 1]);
    }
}
