//! Writing a layer into a file. What it does not change stays as it is written, comments and all.

use toml::Value as Toml;
use toml_edit::{DocumentMut, InlineTable, Item, Key, Table, TableLike, Value};

use super::written::{inline, name};
use super::{Change, Layer, Place};

/// Why a layer cannot be written into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsaved {
    /// The file is not TOML.
    Unreadable(String),
    /// There is no table where the place would be.
    NoPlace(Place),
}

impl std::error::Error for Unsaved {}

impl std::fmt::Display for Unsaved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "the file cannot be read: {error}"),
            Self::NoPlace(place) => write!(f, "the file has no place for {place}"),
        }
    }
}

impl Layer {
    /// The text of the file with the layer's changes in it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn save(&self, file: &str) -> Result<String, Unsaved> {
        let mut document: DocumentMut =
            file.parse().map_err(|error: toml_edit::TomlError| Unsaved::Unreadable(error.to_string()))?;
        for Change { at, set } in &self.changes {
            let keys = at.keys();
            let Some((last, path)) = keys.split_last() else { continue };
            let Some(table) = inner(&mut document, path, set.is_some()) else {
                if set.is_none() {
                    continue;
                }
                return Err(Unsaved::NoPlace(at.clone()));
            };
            match set {
                Some(value) => put(table, last, value, !matches!(at, Place::Server { .. }))?,
                None => drop(table.remove(last)),
            }
        }
        Ok(document.to_string())
    }
}

/// The table at the end of a path; made where it is missing, if it is to be.
fn inner<'d>(document: &'d mut DocumentMut, path: &[&str], make: bool) -> Option<&'d mut dyn TableLike> {
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for key in path {
        if !table.contains_key(key) {
            if !make {
                return None;
            }
            let mut empty = Table::new();
            // Only what is in it has a header.
            empty.set_implicit(true);
            table.insert(key, Item::Table(empty));
        }
        table = table.get_mut(key)?.as_table_like_mut()?;
    }
    Some(table)
}

/// Puts a value into a table; comments at the key stay.
fn put(table: &mut dyn TableLike, key: &str, value: &Toml, header: bool) -> Result<(), Unsaved> {
    let item = match value {
        Toml::Table(entries) if header => Item::Table(spread(entries)?),
        other => Item::Value(one(other)?),
    };
    match (table.get_mut(key), item) {
        (Some(known @ Item::Table(_)), Item::Table(mut new)) => {
            if let Item::Table(old) = &*known {
                *new.decor_mut() = old.decor().clone();
                new.set_position(old.position());
            }
            *known = Item::Table(new);
        }
        (Some(known), new) => {
            let decor = known.as_value().map(|value| value.decor().clone());
            *known = new;
            if let (Some(decor), Some(value)) = (decor, known.as_value_mut()) {
                *value.decor_mut() = decor;
            }
        }
        (None, mut new) => {
            // Of a table on one line, the room before the closing brace stays there.
            let last =
                table.iter_mut().last().and_then(|(_, item)| item.as_value_mut().map(Value::decor_mut));
            if let (Some(last), Some(value)) = (last, new.as_value_mut())
                && let Some(room) = last.suffix().and_then(|room| room.as_str()).map(str::to_owned)
                && room.trim().is_empty()
                && !room.contains('\n')
            {
                last.set_suffix("");
                value.decor_mut().set_suffix(room);
            }
            table.insert(key, new);
        }
    }
    Ok(())
}

/// A table under a header: a line for each key, and what is below on one line.
fn spread(entries: &toml::Table) -> Result<Table, Unsaved> {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    for (key, value) in entries {
        table.insert(key, Item::Value(one(value)?));
    }
    Ok(table)
}

/// A value on one line.
fn one(value: &Toml) -> Result<Value, Unsaved> {
    if let Toml::Table(entries) = value {
        let mut table = InlineTable::new();
        for (key, value) in entries {
            let key: Key =
                name(key).parse().map_err(|e: toml_edit::TomlError| Unsaved::Unreadable(e.to_string()))?;
            table.insert(key.get(), one(value)?);
        }
        return Ok(Value::InlineTable(table));
    }
    inline(value).parse().map_err(|error: toml_edit::TomlError| Unsaved::Unreadable(error.to_string()))
}
