//! The element types of IDX files, and how the element types of tensors look in them. Public in a private module, so
//! that [`IdxElement`](super::IdxElement) can build on it and nobody outside can implement that.

/// The element type of an IDX file; the discriminant is its code.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    U8 = 0x08,
    I8 = 0x09,
    I16 = 0x0b,
    I32 = 0x0c,
    F32 = 0x0d,
    F64 = 0x0e,
}

impl Kind {
    const ALL: [Kind; 6] = [Kind::U8, Kind::I8, Kind::I16, Kind::I32, Kind::F32, Kind::F64];

    pub fn from_code(code: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|&kind| kind as u8 == code)
    }

    /// Bytes an element.
    pub fn size(self) -> usize {
        match self {
            Kind::U8 | Kind::I8 => 1,
            Kind::I16 => 2,
            Kind::I32 | Kind::F32 => 4,
            Kind::F64 => 8,
        }
    }
}

/// From the big-endian bytes of a file's data to elements.
pub(super) type Decode<E> = fn(&[u8]) -> Vec<E>;

pub trait Codec: Sized {
    /// The kind in which elements are written.
    const KIND: Kind;
    /// How to read data of `kind`, if every value of it fits.
    fn decoder(kind: Kind) -> Option<Decode<Self>>;
    /// Appends the element to a file's data, or is `None` if `KIND` cannot hold it.
    fn encode(self, out: &mut Vec<u8>) -> Option<()>;
}

impl Codec for u8 {
    const KIND: Kind = Kind::U8;
    fn decoder(kind: Kind) -> Option<Decode<u8>> {
        matches!(kind, Kind::U8).then_some(<[u8]>::to_vec)
    }
    fn encode(self, out: &mut Vec<u8>) -> Option<()> {
        out.push(self);
        Some(())
    }
}

impl Codec for i64 {
    // IDX has no 64-bit integers.
    const KIND: Kind = Kind::I32;
    fn decoder(kind: Kind) -> Option<Decode<i64>> {
        match kind {
            Kind::U8 => Some(|data| decode(data, u8::from_be_bytes)),
            Kind::I8 => Some(|data| decode(data, i8::from_be_bytes)),
            Kind::I16 => Some(|data| decode(data, i16::from_be_bytes)),
            Kind::I32 => Some(|data| decode(data, i32::from_be_bytes)),
            Kind::F32 | Kind::F64 => None,
        }
    }
    fn encode(self, out: &mut Vec<u8>) -> Option<()> {
        out.extend(i32::try_from(self).ok()?.to_be_bytes());
        Some(())
    }
}

impl Codec for f32 {
    const KIND: Kind = Kind::F32;
    fn decoder(kind: Kind) -> Option<Decode<f32>> {
        match kind {
            Kind::F32 => Some(|data| decode(data, f32::from_be_bytes)),
            _ => None,
        }
    }
    fn encode(self, out: &mut Vec<u8>) -> Option<()> {
        out.extend(self.to_be_bytes());
        Some(())
    }
}

impl Codec for f64 {
    const KIND: Kind = Kind::F64;
    fn decoder(kind: Kind) -> Option<Decode<f64>> {
        match kind {
            Kind::F32 => Some(|data| decode(data, f32::from_be_bytes)),
            Kind::F64 => Some(|data| decode(data, f64::from_be_bytes)),
            _ => None,
        }
    }
    fn encode(self, out: &mut Vec<u8>) -> Option<()> {
        out.extend(self.to_be_bytes());
        Some(())
    }
}

fn decode<const N: usize, S: Into<E>, E>(data: &[u8], from_be_bytes: fn([u8; N]) -> S) -> Vec<E> {
    data.as_chunks().0.iter().map(|&bytes| from_be_bytes(bytes).into()).collect()
}
