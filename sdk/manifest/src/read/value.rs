//! Reads spanned TOML with serde. Errors say which value they are about.

use std::fmt;
use std::ops::Range;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

use super::shape::{Id, Repairs, id_of};
use super::stand_in::StandIn;

/// The reason why a manifest has the wrong shape.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) message: String,
    /// The key that the table at the site lacks, if that is the reason.
    pub(super) missing: Option<&'static str>,
    pub(super) site: Option<Site>,
}

/// The value that an error is about.
#[derive(Clone, Debug)]
pub(super) enum Site {
    /// A value of the text, with the bytes to point at.
    Entry(Id, Range<usize>),
    /// The value that stands in for a missing key of a table.
    StandIn(Id, &'static str),
}

impl Wrong {
    /// Sets the site, unless a value within it is known to be wrong.
    pub(super) fn at(mut self, site: impl FnOnce() -> Site) -> Self {
        self.site.get_or_insert_with(site);
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            missing: None,
            site: None,
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            missing: Some(field),
            ..Self::custom(format_args!("missing field `{field}`"))
        }
    }
}

/// A value of the text.
#[derive(Clone, Copy)]
pub(super) struct Value<'a, 'i> {
    value: &'a Spanned<DeValue<'i>>,
    repairs: &'a Repairs,
}

impl<'a, 'i> Value<'a, 'i> {
    pub(super) fn new(value: &'a Spanned<DeValue<'i>>, repairs: &'a Repairs) -> Self {
        Self { value, repairs }
    }

    /// Reads the value. A type may refuse it after it was read, as one with a syntax of its own does.
    fn read<'de, T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        let result = seed.deserialize(self);
        result.map_err(|error| error.at(|| self.site()))
    }

    fn site(self) -> Site {
        Site::Entry(id_of(self.value), self.value.span())
    }

    fn entries(self, table: &'a DeTable<'i>) -> Entries<'a, 'i> {
        Entries {
            rest: table.iter(),
            table: id_of(self.value),
            missing: self.repairs.stand_ins(id_of(self.value)),
            repairs: self.repairs,
            next: None,
        }
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.value.get_ref() {
            DeValue::String(text) => visitor.visit_str(text),
            DeValue::Integer(integer) => match number(integer) {
                Some(number) => visitor.visit_i64(number),
                None => Err(Wrong::custom("the integer has more than 64 bits")),
            },
            DeValue::Float(float) => match float.as_str().parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(Wrong::invalid_type(Unexpected::Other("float"), &visitor)),
            },
            DeValue::Boolean(boolean) => visitor.visit_bool(*boolean),
            DeValue::Datetime(_) => {
                Err(Wrong::invalid_type(Unexpected::Other("datetime"), &visitor))
            }
            DeValue::Array(array) => visitor.visit_seq(Items {
                rest: array.iter(),
                repairs: self.repairs,
            }),
            DeValue::Table(table) => visitor.visit_map(self.entries(table)),
        }
    }
}

fn number(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

impl<'de> Deserializer<'de> for Value<'_, '_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.visit(visitor)
            .map_err(|error| error.at(|| self.site()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor
            .visit_some(self)
            .map_err(|error| error.at(|| self.site()))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor
            .visit_newtype_struct(self)
            .map_err(|error| error.at(|| self.site()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let result = match self.value.get_ref() {
            DeValue::String(text) => visitor.visit_enum(word(text)),
            // Every enumeration of a manifest is one of words.
            other => Err(Wrong::invalid_type(kind(other), &"a text")),
        };
        result.map_err(|error| error.at(|| self.site()))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

fn word(text: &str) -> StrDeserializer<'_, Wrong> {
    text.into_deserializer()
}

fn kind<'a>(value: &'a DeValue<'_>) -> Unexpected<'a> {
    match value {
        DeValue::String(text) => Unexpected::Str(text),
        DeValue::Integer(integer) => {
            number(integer).map_or(Unexpected::Other("integer"), Unexpected::Signed)
        }
        DeValue::Float(_) => Unexpected::Other("float"),
        DeValue::Boolean(boolean) => Unexpected::Bool(*boolean),
        DeValue::Datetime(_) => Unexpected::Other("datetime"),
        DeValue::Array(_) => Unexpected::Seq,
        DeValue::Table(_) => Unexpected::Map,
    }
}

/// The items of an array that are not dropped.
struct Items<'a, 'i> {
    rest: std::slice::Iter<'a, Spanned<DeValue<'i>>>,
    repairs: &'a Repairs,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let repairs = self.repairs;
        let next = self.rest.find(|item| !repairs.is_dropped(item));
        next.map(|item| Value::new(item, repairs).read(seed))
            .transpose()
    }
}

/// The entries of a table that are not dropped, and then the stand-ins for missing ones.
struct Entries<'a, 'i> {
    rest: toml::map::Iter<'a, Spanned<DeString<'i>>, Spanned<DeValue<'i>>>,
    table: Id,
    missing: Vec<(&'static str, usize)>,
    repairs: &'a Repairs,
    next: Option<Next<'a, 'i>>,
}

/// The value that belongs to the key that was just read.
enum Next<'a, 'i> {
    Value(&'a Spanned<DeValue<'i>>),
    StandIn(StandIn),
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        let repairs = self.repairs;
        if let Some((key, value)) = self.rest.find(|(_, value)| !repairs.is_dropped(value)) {
            self.next = Some(Next::Value(value));
            let read = seed.deserialize(word(key.get_ref()));
            let site = || Site::Entry(id_of(value), key.span());
            return read.map(Some).map_err(|error| error.at(site));
        }
        let Some((key, number)) = self.missing.pop() else {
            return Ok(None);
        };
        let stand_in = StandIn::new(self.table, key, number);
        self.next = Some(Next::StandIn(stand_in));
        seed.deserialize(word(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        match self.next.take() {
            Some(Next::Value(value)) => Value::new(value, self.repairs).read(seed),
            Some(Next::StandIn(stand_in)) => stand_in.read(seed),
            None => Err(Wrong::custom("a value was read before its key")),
        }
    }
}
