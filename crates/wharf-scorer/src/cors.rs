//! Cross-origin headers, for services that set `AML_CORS_ORIGINS`. Observed on
//! azureml-inference-server-http 1.5.1, which leaves them to flask-cors.

use http::{HeaderMap, HeaderValue, header};

/// Which origins may read answers.
#[derive(Debug, Default)]
pub(crate) struct Cors {
    origins: Vec<HeaderValue>,
}

impl Cors {
    /// Reads `"http://a.com, http://b.com"` or `*`. Without a value: no headers.
    pub(crate) fn new(setting: Option<&String>) -> Self {
        let origins = setting.into_iter().flat_map(|text| text.split(','));
        let origins = origins
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .filter_map(|origin| HeaderValue::from_str(origin).ok());
        Self {
            origins: origins.collect(),
        }
    }

    /// Adds the headers to the answer of a request.
    pub(crate) fn write(&self, is_preflight: bool, request: &HeaderMap, answer: &mut HeaderMap) {
        let Some(first) = self.origins.first() else {
            return;
        };
        let is_any = self.origins.iter().any(|origin| origin == "*");
        let allowed = match request.get(header::ORIGIN) {
            Some(origin) if is_any || self.origins.contains(origin) => origin.clone(),
            Some(_) => return,
            None if is_any => HeaderValue::from_static("*"),
            None => first.clone(),
        };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
        if is_preflight {
            answer.insert(
                header::ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static("GET, POST"),
            );
            if let Some(wanted) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echoes_a_listed_origin_only() {
        let rows = [
            (
                "http://a.com, http://b.com",
                Some("http://b.com"),
                Some("http://b.com"),
            ),
            ("http://a.com, http://b.com", Some("http://c.com"), None),
            ("http://a.com, http://b.com", None, Some("http://a.com")),
            ("http://a.com", Some("http://c.com"), None),
            ("*", Some("http://c.com"), Some("http://c.com")),
            ("*", None, Some("*")),
            ("", Some("http://c.com"), None),
        ];
        for (setting, origin, expected) in rows {
            let mut request = HeaderMap::new();
            if let Some(origin) = origin {
                request.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            let mut answer = HeaderMap::new();
            Cors::new(Some(&setting.to_owned())).write(true, &request, &mut answer);
            let got = answer.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(
                got.map(|it| it.to_str().expect("text")),
                expected,
                "{setting}"
            );
        }
    }
}
