//! Which part of a caller's texture a filter reads or writes.

use crate::error::{Error, Result};
use crate::gpu::context::Context;
use crate::plan::gpu::stored::{TexelFormat, Texels};
use crate::words::{Alpha, Light};

/// One mip level of one layer of a caller's texture.
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
        Self { texture, view: None, mip_level: 0, layer: 0, format: None, alpha, light }
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

    /// Whether the levels of a `unorm` format that is not an sRGB one are decoded as they are read, or encoded as they are
    /// written, by the curve of sRGB: [`Light::Linear`]. Other formats hold light, or are decoded by the
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
        Texels { weighed, premultiplied, encoded }
    }

    /// The format that it is seen in; of a caller's view, that of its texture.
    pub(crate) fn seen_as(&self) -> wgpu::TextureFormat {
        self.format.unwrap_or_else(|| self.texture.format())
    }

    /// Checks that it is a plane of `height` x `width` texels with this usage, and one that this device
    /// can bind.
    pub(crate) fn check(
        &self,
        what: &str,
        context: &Context,
        [height, width]: [usize; 2],
        usage: wgpu::TextureUsages,
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
        let [w, h] = [texture.width(), texture.height()].map(|n| (n >> mip_level).max(1) as usize);
        if [h, w] != [height, width] {
            let level = if levels > 1 { format!(" in mip level {mip_level}") } else { "".into() };
            return error(format!(
                "expected {width} x {height} texels (width x height), got {w} x {h}{level}"
            ));
        }
        if !texture.usage().contains(usage) {
            let name = usage.iter_names().map(|(name, _)| name).collect::<String>();
            return error(format!("expected usage {name}, got {:?}", texture.usage()));
        }
        Ok(())
    }

    /// Whether both are the same texels, as far as wgpu tells: it does not tell which of several layers a
    /// view shows.
    pub(crate) fn is(&self, other: &GpuTexture<'a>) -> bool {
        let shown = |texture: &Self| (texture.mip_level, texture.layer);
        let views = [self.view, other.view];
        let is_told = views == [None; 2] || self.texture.depth_or_array_layers() == 1;
        self.texture == other.texture
            && if is_told { shown(self) == shown(other) } else { views[0] == views[1] }
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
        TexelFormat::Rgba16Float => wgpu::TextureFormat::Rgba16Float,
        TexelFormat::R32Float => wgpu::TextureFormat::R32Float,
        TexelFormat::Rgba32Float => wgpu::TextureFormat::Rgba32Float,
    }
}

/// A format that is written, or an error that names those that are.
pub(crate) fn texel_format(format: wgpu::TextureFormat) -> Result<TexelFormat> {
    let found = TexelFormat::ALL.into_iter().find(|&texels| texture_format(texels) == format);
    found.ok_or_else(|| {
        let names = TexelFormat::ALL.map(TexelFormat::name).join(", ");
        Error::gpu_misuse(format!(
            "textures of format {format:?} are not written: expected one of {names}"
        ))
    })
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

    #[test]
    fn other_formats_are_refused_by_name() {
        let error = texel_format(wgpu::TextureFormat::Rgba8UnormSrgb).expect_err("sRGB");
        let error = error.to_string();
        assert!(error.contains("Rgba8UnormSrgb") && error.contains("rgba16float"), "{error}");
    }
}
