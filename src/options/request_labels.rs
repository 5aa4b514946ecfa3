//! The values of labels that handlers and inner middlewares set.

use std::borrow::Cow;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};

use crate::labels::truncate;

/// Sets the values of labels whose source is [`Label::extension`](crate::Label::extension).
///
/// Handlers take it as an argument; an inner middleware gets it with
/// `request.extract::<RequestLabels>()`. What is set after the response's head is ready is
/// ignored, and so are keys of other labels. Clones set the values of the same request.
///
/// # Examples
///
/// ```
/// use actix_monitor::{BigBrother, Label, RequestLabels};
/// use actix_web::{App, HttpResponse, web};
///
/// async fn graphql(labels: RequestLabels, body: String) -> HttpResponse {
///     // The operation that the app has parsed, not any text of the client.
///     labels.set("operation", if body.contains("mutation") { "mutation" } else { "query" });
///     HttpResponse::Ok().finish()
/// }
///
/// let app = App::new()
///     .route("/graphql", web::post().to(graphql))
///     .wrap(BigBrother::builder().isolated().label("operation", Label::extension()).build());
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestLabels(Rc<RefCell<Vec<SetLabel>>>);

/// A key with its value.
type SetLabel = (&'static str, Cow<'static, str>);

impl RequestLabels {
    /// Sets the value of a label, of which 120 characters are used. The last one set counts.
    pub fn set(&self, key: &'static str, value: impl Into<Cow<'static, str>>) {
        let mut value = value.into();
        let length = truncate(&value).len();
        if length < value.len() {
            // A copy, so that the rest of a long text is released.
            value = value[..length].to_owned().into();
        }
        let mut values = self.0.borrow_mut();
        match values.iter_mut().find(|(other, _)| *other == key) {
            Some((_, old)) => *old = value,
            None => values.push((key, value)),
        }
    }

    /// These labels for another request, without values; `None` if a handler or another
    /// monitor still refers to them.
    pub(crate) fn reused(self) -> Option<Self> {
        if Rc::strong_count(&self.0) > 1 {
            return None;
        }
        self.0.borrow_mut().clear();
        Some(self)
    }

    /// The labels of a request that begins: those of an outer monitor, or `idle` ones.
    pub(crate) fn attach(idle: Option<Self>, request: &ServiceRequest) -> Self {
        let mut extensions = request.extensions_mut();
        if let Some(attached) = extensions.get::<Self>() {
            return attached.clone();
        }
        let labels = idle.unwrap_or_default();
        extensions.insert(labels.clone());
        labels
    }

    /// Passes the value of a label to `copy`, if there is one.
    pub(crate) fn copy_value(&self, key: &str, copy: impl FnOnce(&str)) {
        if let Some((_, value)) = self.0.borrow().iter().find(|(other, _)| *other == key) {
            copy(value);
        }
    }
}

impl FromRequest for RequestLabels {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    /// Never fails: without a monitor that has such a label, what is set is ignored.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.extensions().get::<Self>().cloned().unwrap_or_default()))
    }
}
