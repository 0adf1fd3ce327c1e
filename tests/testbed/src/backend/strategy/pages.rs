//! The HTML pages of the sidecar's web framework (Werkzeug), for requests that its code does not answer
//! itself.

use http::{HeaderValue, StatusCode, header};

use crate::web::{self, Reply};

fn page(status: StatusCode, text: &str) -> Reply {
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let page = format!(
        "<!doctype html>\n<html lang=en>\n<title>{} {reason}</title>\n<h1>{reason}</h1>\n<p>{text}</p>\n",
        status.as_u16()
    );
    web::reply(status, "text/html; charset=utf-8", page)
}

pub fn not_found() -> Reply {
    page(
        StatusCode::NOT_FOUND,
        "The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.",
    )
}

pub fn wrong_method(allowed: &'static str) -> Reply {
    let text = "The method is not allowed for the requested URL.";
    let mut reply = page(StatusCode::METHOD_NOT_ALLOWED, text);
    reply
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allowed));
    reply
}

pub fn exception() -> Reply {
    page(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The server encountered an internal error and was unable to complete your request. Either the server is overloaded or there is an error in the application.",
    )
}
