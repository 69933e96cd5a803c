//! Images of one size, of which a batch can be made.

use image::imageops::{FilterType, crop_imm, resize};
use image::{ImageBuffer, Luma, Pixel, Rgb};

use crate::image_file::Pixels;

/// Which part of an image ends up where, if its form is another one. fastai's `ResizeMethod`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResizeMethod {
    /// The largest part of the wanted form, from the middle.
    #[default]
    Crop,
    /// All of it, with black beside or above and below.
    Pad,
    /// All of it, stretched.
    Squish,
}

/// Gives images a size, by a triangle filter as wide as the pixels that it merges (PIL's `BILINEAR`). fastai's `Resize`.
///
/// ```
/// use downhill_data::{Resize, ResizeMethod};
///
/// let square = Resize::new(224, 224);
/// let thumbnail = Resize::new(32, 48).method(ResizeMethod::Squish);
/// # let _ = (square, thumbnail);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resize {
    height: u32,
    width: u32,
    method: ResizeMethod,
}

impl Resize {
    /// To `height` x `width` pixels, cropped.
    ///
    /// # Panics
    /// If a side is zero or does not fit 16 bits.
    #[track_caller]
    pub fn new(height: usize, width: usize) -> Self {
        let side = |side: usize| match u16::try_from(side) {
            Ok(side @ 1..) => u32::from(side),
            _ => panic!("Resize: sides must be 1 to 65535: height {height}, width {width}"),
        };
        Resize { height: side(height), width: side(width), method: ResizeMethod::Crop }
    }

    /// By another method.
    #[must_use]
    pub fn method(mut self, method: ResizeMethod) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn apply(&self, pixels: Pixels, channels: usize) -> Pixels {
        if (pixels.height, pixels.width) == (self.height as usize, self.width as usize) {
            return pixels;
        }
        if channels == 1 { self.typed::<Luma<u8>>(pixels) } else { self.typed::<Rgb<u8>>(pixels) }
    }

    fn typed<P: Pixel<Subpixel = u8> + 'static>(&self, pixels: Pixels) -> Pixels {
        let (height, width) = (self.height as usize, self.width as usize);
        let from = ImageBuffer::<P, _>::from_raw(pixels.width as u32, pixels.height as u32, pixels.data)
            .expect("decoded with this size");
        let filter = FilterType::Triangle;
        let data = match self.method {
            ResizeMethod::Squish => resize(&from, self.width, self.height, filter).into_raw(),
            ResizeMethod::Crop => {
                let [h, w] = self.inscribed([from.height(), from.width()]);
                let (top, left) = ((from.height() - h) / 2, (from.width() - w) / 2);
                let part = crop_imm(&from, left, top, w, h).to_image();
                resize(&part, self.width, self.height, filter).into_raw()
            }
            ResizeMethod::Pad => {
                let [h, w] = fitting([self.height, self.width], [from.height(), from.width()]);
                let small = resize(&from, w, h, filter);
                let mut whole = ImageBuffer::<P, Vec<u8>>::new(self.width, self.height);
                let (top, left) = ((self.height - h) / 2, (self.width - w) / 2);
                image::imageops::replace(&mut whole, &small, left.into(), top.into());
                whole.into_raw()
            }
        };
        Pixels { height, width, data }
    }

    /// The sides of the largest part of an image of sides `from` that has the wanted form.
    fn inscribed(&self, from: [u32; 2]) -> [u32; 2] {
        fitting(from, [self.height, self.width])
    }
}

/// The largest sides in the proportions of `form` that fit into `room`, rounded.
fn fitting(room: [u32; 2], form: [u32; 2]) -> [u32; 2] {
    let [room_h, room_w, h, w] = [room[0], room[1], form[0], form[1]].map(u64::from);
    let side =
        |long: u64, by: u64, over: u64, most: u64| ((long * by + over / 2) / over).clamp(1, most) as u32;
    if room_h * w <= room_w * h {
        [room[0], side(room_h, w, h, room_w)]
    } else {
        [side(room_w, h, w, room_h), room[1]]
    }
}
