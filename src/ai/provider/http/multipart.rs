//! Forms with files (RFC 7578), for the few endpoints that take no JSON.

use ring::digest;

/// A form being filled. Its boundary is a hash of its contents, so equal forms are equal bytes and no content can
/// hold it.
#[derive(Default)]
pub(crate) struct Form {
    parts: Vec<(String, Vec<u8>)>,
}

impl Form {
    /// Adds a field. `name` is ours, so it needs no escaping.
    #[must_use]
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.parts
            .push((format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n"), value.as_bytes().to_vec()));
        self
    }

    /// Adds a file. `name`, `file_name` and `content_type` are ours.
    #[must_use]
    pub(crate) fn file(mut self, name: &str, file_name: &str, content_type: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\nContent-Type: \
             {content_type}\r\n\r\n"
        );
        self.parts.push((head, bytes.to_vec()));
        self
    }

    /// The value of `Content-Type`, and the body.
    #[must_use]
    pub(crate) fn finish(self) -> (String, Vec<u8>) {
        let mut hash = digest::Context::new(&digest::SHA256);
        for (head, value) in &self.parts {
            hash.update(head.as_bytes());
            hash.update(value);
        }
        let boundary: String = hex::encode(hash.finish()).chars().take(40).collect();
        let mut body = Vec::new();
        for (head, value) in &self.parts {
            body.extend_from_slice(format!("--{boundary}\r\n{head}").as_bytes());
            body.extend_from_slice(value);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_its_parts_between_boundaries() {
        let (kind, body) = Form::default().text("a", "1\r\n2").file("f", "i.png", "image/png", b"\x89P").finish();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        assert_eq!(boundary.len(), 40);
        let expected = [
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n").into_bytes(),
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"i.png\"\r\nContent-Type: \
                 image/png\r\n\r\n"
            )
            .into_bytes(),
            b"\x89P\r\n".to_vec(),
            format!("--{boundary}--\r\n").into_bytes(),
        ]
        .concat();
        assert_eq!(body, expected);
        let other = Form::default().text("a", "2").finish().0;
        assert_ne!(other, kind);
    }
}
