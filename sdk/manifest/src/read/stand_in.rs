//! A value for a key that a table lacks, so that the rest of the table can be read.

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::shape::Id;
use super::value::{Site, Wrong};

/// Texts of the forms that required keys have. They are any text, an engine's id, a version, a route, and rules
/// about Kubernetes objects and about objects of a store.
pub(super) const TEXTS: [&str; 6] = ["x", "x/x", "1.0.0", "GET /", "v1/Pod: get", "get in any"];

/// A value of whatever type is wanted.
#[derive(Clone, Copy)]
pub(super) struct StandIn {
    table: Id,
    key: &'static str,
    text: &'static str,
}

impl StandIn {
    /// Returns the value for a key that a table lacks. `number` chooses one of [`TEXTS`].
    pub(super) fn new(table: Id, key: &'static str, number: usize) -> Self {
        let text = TEXTS.get(number).copied().unwrap_or_default();
        Self { table, key, text }
    }

    /// Reads the stand-in. A type may refuse it after it was read.
    pub(super) fn read<'de, T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        self.at(seed.deserialize(self))
    }

    fn at<T>(self, result: Result<T, Wrong>) -> Result<T, Wrong> {
        result.map_err(|error| error.at(|| Site::StandIn(self.table, self.key)))
    }
}

impl<'de> Deserializer<'de> for StandIn {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.at(visitor.visit_str(self.text))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.at(visitor.visit_bool(false))
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.at(visitor.visit_i64(1))
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.at(visitor.visit_none())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.at(visitor.visit_newtype_struct(self))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let nothing = std::iter::empty::<StrDeserializer<'_, Wrong>>();
        self.at(visitor.visit_seq(SeqDeserializer::new(nothing)))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let nothing = std::iter::empty::<(&str, Same)>();
        self.at(visitor.visit_map(MapDeserializer::new(nothing)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let fields = fields.iter().map(|field| (*field, Same(self)));
        self.at(visitor.visit_map(MapDeserializer::new(fields)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let first = variants.first().copied().unwrap_or_default();
        self.at(visitor.visit_enum(first.into_deserializer()))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct
        identifier ignored_any
    }
}

/// The stand-in as a part of one.
struct Same(StandIn);

impl IntoDeserializer<'_, Wrong> for Same {
    type Deserializer = StandIn;

    fn into_deserializer(self) -> StandIn {
        self.0
    }
}
