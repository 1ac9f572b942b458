//! The OpenAPI document, written from the table of what can be asked.

use sekisho_config::Scope;
use serde_json::{Map, Value, json};

use super::routes::{Kind, ROUTES, Route};
use super::schema;
use crate::request::Method;

/// The document (OpenAPI 3.1).
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let entry = paths.entry(route.path.to_owned()).or_insert_with(|| json!({}));
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(method(route.method).to_owned(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sekisho",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What an operator sees of a running gateway, and changes in it.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "security": [{ "token": [] }, { "certificate": [] }],
        "paths": paths,
        "components": {
            "schemas": schema::all(),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "certificate": { "type": "mutualTLS" },
            },
        },
    })
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Get | Method::Head | Method::Other => "get",
        Method::Post => "post",
        Method::Put => "put",
        Method::Delete => "delete",
    }
}

fn operation(route: &Route) -> Value {
    let names = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = names.map(
        |name| json!({ "name": name, "in": "path", "required": true, "schema": schema::reference("Name") }),
    );
    let in_query = route.query.iter().map(|param| {
        let schema = match param.kind {
            Kind::Text | Kind::Needed => json!({ "type": "string" }),
            Kind::Number => json!({ "type": "integer", "minimum": 0 }),
            Kind::Limit => json!({ "type": "integer", "minimum": 1, "maximum": 10_000, "default": 100 }),
        };
        let required = param.kind == Kind::Needed;
        json!({
            "name": param.name, "in": "query", "required": required, "description": param.says, "schema": schema,
        })
    });
    let kind = if route.answer == "Stream" { "text/event-stream" } else { "application/json" };
    let mut operation = json!({
        "operationId": format!("{:?}", route.action),
        "summary": route.says,
        "x-scope": scope(route.scope),
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": {
            "200": {
                "description": "Done.",
                "content": { (kind): { "schema": schema::reference(route.answer) } },
            },
            "default": {
                "description": "Not done, and why.",
                "content": { "application/json": { "schema": schema::reference("Error") } },
            },
        },
    });
    if let (Some(body), Some(operation)) = (route.body, operation.as_object_mut()) {
        let content = json!({ "application/json": { "schema": schema::reference(body) } });
        operation.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    operation
}

fn scope(scope: Scope) -> &'static str {
    scope.name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_stands_in_the_document_and_every_schema_that_it_names_is_there() {
        let document = document();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for route in ROUTES {
            let operation = &document["paths"][route.path][method(route.method)];
            assert_eq!(operation["summary"], route.says);
            assert!(schemas.contains_key(route.answer), "{}", route.answer);
            assert!(route.body.is_none_or(|body| schemas.contains_key(body)), "{}", route.path);
        }
        let text = document.to_string();
        for (at, _) in text.match_indices("#/components/schemas/") {
            let name: String = text[at + 21..].chars().take_while(|c| c.is_ascii_alphabetic()).collect();
            assert!(schemas.contains_key(&name), "{name}");
        }
    }
}
