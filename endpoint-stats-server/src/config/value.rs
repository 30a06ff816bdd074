//! [`Value`]: what a file says to one setting, and whether a flag takes such a thing.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction};
use toml::de::DeValue;

use crate::settings::{DatabaseUrl, masked};

/// A value in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(String),
    Switch(bool),
    List(Vec<Value>),
    /// What no flag takes.
    Other(&'static str),
}

impl Value {
    pub(super) fn new(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(number) => {
                let digits = number.as_str().replace('_', "");
                match i128::from_str_radix(&digits, number.radix()) {
                    Ok(number) => Self::Number(number.to_string()),
                    Err(_) => Self::Number(digits),
                }
            }
            DeValue::Float(number) => Self::Number(number.as_str().replace('_', "")),
            DeValue::Boolean(is_on) => Self::Switch(*is_on),
            DeValue::Array(values) => Self::List(values.iter().map(|value| Self::new(value.get_ref())).collect()),
            other => Self::Other(other.type_str()),
        }
    }

    /// The flag as it would be written by hand, or as often as it would be.
    pub(super) fn arguments(&self, key: &str) -> Vec<OsString> {
        match self {
            Self::Switch(true) => vec![format!("--{key}").into()],
            Self::Switch(false) | Self::Other(_) => Vec::new(),
            Self::Text(text) | Self::Number(text) => vec![format!("--{key}={text}").into()],
            Self::List(values) => values.iter().flat_map(|value| value.arguments(key)).collect(),
        }
    }

    /// Whether a flag takes such a value; what the value says is another matter.
    pub(super) fn suits(&self, arg: &Arg) -> bool {
        match self {
            Self::Switch(_) => is_switch(arg),
            Self::Text(_) => !is_switch(arg),
            Self::Number(_) => !is_switch(arg) && !is_text(arg),
            Self::List(values) => {
                matches!(arg.get_action(), ArgAction::Append)
                    && values.iter().all(|value| !matches!(value, Self::List(_)) && value.suits(arg))
            }
            Self::Other(_) => false,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::Switch(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

/// A value as it may be shown: a URL without its password, another secret not at all.
pub(super) fn shown(arg: &Arg, value: &str) -> String {
    let is_url = arg.get_value_parser().type_id() == TypeId::of::<DatabaseUrl>();
    if arg.is_hide_env_values_set() && !is_url { "***".to_owned() } else { masked(value) }
}

/// A line that a file could have for a flag.
pub(super) fn example(arg: &Arg) -> String {
    let key = arg.get_long().unwrap_or_default();
    if is_switch(arg) {
        return format!("{key} = true");
    }
    let default = arg.get_default_values().first().and_then(|value| value.to_str());
    match default {
        Some(number) if !is_text(arg) && number.parse::<f64>().is_ok() => format!("{key} = {number}"),
        Some(text) => format!("{key} = {text:?}"),
        None => {
            let name = arg.get_value_names().and_then(|names| names.first()).map_or("VALUE", |name| name.as_str());
            format!("{key} = {name:?}")
        }
    }
}

fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse)
}

fn is_text(arg: &Arg) -> bool {
    let parsed = arg.get_value_parser().type_id();
    [TypeId::of::<String>(), TypeId::of::<PathBuf>(), TypeId::of::<OsString>(), TypeId::of::<DatabaseUrl>()]
        .iter()
        .any(|text| parsed == *text)
}
