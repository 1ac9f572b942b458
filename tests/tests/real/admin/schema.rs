//! JSON Schema as far as the gateway's own description uses it.

use serde_json::Value;

/// What in `value` does not fit; nothing if all of it does.
pub(super) fn problems(schema: &Value, value: &Value, document: &Value, at: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        let target = document.pointer(target.trim_start_matches('#'));
        return problems(target.unwrap_or_else(|| panic!("{schema}")), value, document, at);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = any.iter().any(|one| problems(one, value, document, at).is_empty());
        return if fits { Vec::new() } else { vec![format!("{at}: {value} fits nothing of {schema}")] };
    }
    let mut found = Vec::new();
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind, value)) {
        found.push(format!("{at}: {value} is not {kinds:?}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        found.push(format!("{at}: {value} is none of {words:?}"));
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
        && number < least
    {
        found.push(format!("{at}: {number} is less than {least}"));
    }
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
        let each = list.iter().enumerate();
        found.extend(each.flat_map(|(n, item)| problems(items, item, document, &format!("{at}[{n}]"))));
    }
    if let Some(object) = value.as_object() {
        let properties = schema["properties"].as_object();
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                found.push(format!("{at}: `{name}` is missing"));
            }
        }
        for (name, value) in object {
            match properties.and_then(|properties| properties.get(name)) {
                Some(schema) => found.extend(problems(schema, value, document, &format!("{at}.{name}"))),
                None if schema["additionalProperties"] == false => {
                    found.push(format!("{at}: `{name}` is not described"));
                }
                None => {}
            }
        }
    }
    found
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    }
}
