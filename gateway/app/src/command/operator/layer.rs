//! What was changed beside the file, for people.

use serde_json::Value;

use super::show::clean;

/// What is printed.
pub(super) fn text(verb: &str, answer: &Value) -> String {
    let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
    let mut text = match verb {
        "diff" => return differences(answer),
        "save" => "the changes are in the file".to_owned(),
        "discard" => "the changes are forgotten".to_owned(),
        _ => "the file was read again".to_owned(),
    };
    text.push_str(&format!("; configuration {} is in force\n", number("epoch")));
    for warning in answer.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        let word = |name: &str| clean(warning.get(name).and_then(Value::as_str).unwrap_or_default());
        text.push_str(&format!("warning: {} ({})\n", word("message"), word("label")));
    }
    text
}

fn differences(answer: &Value) -> String {
    let mut text = String::new();
    for difference in answer.get("differences").and_then(Value::as_array).into_iter().flatten() {
        let keys = difference.get("at").and_then(Value::as_array).into_iter().flatten();
        let keys: Vec<String> = keys.filter_map(Value::as_str).map(clean).collect();
        for (sign, side) in [('-', "file"), ('+', "layer")] {
            if let Some(value) = difference.get(side).and_then(Value::as_str) {
                text.push_str(&format!("{sign} {} = {}\n", keys.join("."), clean(value)));
            }
        }
    }
    for server in answer.get("servers").and_then(Value::as_array).into_iter().flatten() {
        let name = |key: &str| clean(server.get(key).and_then(Value::as_str).unwrap_or_default());
        for what in ["state", "weight"] {
            let Some(set) = server.get(what).filter(|set| set.is_object()) else { continue };
            let value = |side: &str| match set.get(side) {
                Some(Value::String(word)) => clean(word),
                other => other.map(Value::to_string).unwrap_or_default(),
            };
            let (pool, server) = (name("pool"), name("server"));
            text.push_str(&format!("! {pool}/{server}: {what} {} (file: {})\n", value("now"), value("file")));
        }
    }
    if text.is_empty() {
        text.push_str("the gateway serves by its file alone\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn difference_is_shown_with_the_file_before_what_is_in_force() {
        let answer = json!({ "differences": [
            { "at": ["pool", "web", "servers", "www1"], "file": "\"10.0.0.1:80\"", "layer": null },
            { "at": ["vip", "web"], "file": "{}", "layer": "{ x = 1 }" },
        ] });
        let expected = "- pool.web.servers.www1 = \"10.0.0.1:80\"\n- vip.web = {}\n+ vip.web = { x = 1 }\n";
        assert_eq!(text("diff", &answer), expected);
        let answer = json!({ "differences": [], "servers": [
            { "pool": "web", "server": "www1", "state": { "file": "ready", "now": "drain" }, "weight": null },
            { "pool": "web", "server": "www2", "state": null, "weight": { "file": 1, "now": 5 } },
        ] });
        let expected = "! web/www1: state drain (file: ready)\n! web/www2: weight 5 (file: 1)\n";
        assert_eq!(text("diff", &answer), expected);
        assert_eq!(text("diff", &json!({})), "the gateway serves by its file alone\n");
    }
}
