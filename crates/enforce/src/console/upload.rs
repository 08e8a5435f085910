//! Forms that may carry a file: read whole within the guard's bounds, or plain ones without.

use axum::Form;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header;
use web::Problem;

/// Fields by name, and the file if one was chosen.
#[derive(Debug, Default)]
pub(super) struct Uploaded {
    fields: Vec<(String, String)>,
    /// Its octets as they came.
    pub(super) file: Option<Bytes>,
    /// Its name as its sender has it.
    pub(super) file_name: String,
}

impl Uploaded {
    /// Takes a field's text out; empty where it was not sent.
    pub(super) fn take(&mut self, name: &str) -> String {
        let found = self.fields.iter_mut().find(|(known, _)| known == name);
        found.map(|(_, text)| std::mem::take(text)).unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequest<S> for Uploaded {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let unreadable = || Problem::Bad("The form cannot be read. Send it again.".to_owned());
        if !kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data")) {
            let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
            return Ok(Self { fields: form.map_err(|_| unreadable())?.0, ..Self::default() });
        }
        let mut form = Multipart::from_request(request, state).await.map_err(|_| unreadable())?;
        let mut uploaded = Self::default();
        while let Some(field) = form.next_field().await.map_err(|_| unreadable())? {
            let name = field.name().unwrap_or_default().to_owned();
            let file_name = field.file_name().map(str::to_owned);
            let octets = field.bytes().await.map_err(|_| unreadable())?;
            match file_name {
                None => uploaded.fields.push((name, String::from_utf8_lossy(&octets).into_owned())),
                Some(file_name) if !octets.is_empty() => {
                    uploaded.file = Some(octets);
                    uploaded.file_name = file_name;
                }
                Some(_) => {}
            }
        }
        Ok(uploaded)
    }
}
