//! A root that tells how long its fields take. An extension of the library could tell too, but costs every field of every object, also
//! while nobody wants to know (G64).

use std::borrow::Cow;

use async_graphql::{
    Context, ContextSelectionSet, ObjectType, OutputType, Positioned, ServerResult, Value,
    parser::types::Field,
    registry::Registry,
    resolver_utils::{ContainerType, resolve_container},
};
use tokio::time::Instant;

use crate::performance::Monitoring;

/// A root whose fields are timed while the schema's [`Monitoring`] is on. In the schema it is `T` itself.
pub struct Timed<T> {
    root: T,
    kind: &'static str,
}

impl<T> Timed<T> {
    /// Times `root`; `kind` is `query` or `mutation`.
    pub(super) fn new(kind: &'static str, root: T) -> Self {
        Self { root, kind }
    }
}

impl<T: ObjectType> OutputType for Timed<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _field: &Positioned<Field>) -> ServerResult<Value> {
        resolve_container(ctx, self).await
    }
}

impl<T: ObjectType> ContainerType for Timed<T> {
    fn is_empty() -> bool {
        T::is_empty()
    }

    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        let monitoring = ctx.data_opt::<Monitoring>().filter(|monitoring| monitoring.is_on());
        let Some(monitoring) = monitoring else { return self.root.resolve_field(ctx).await };
        let started = Instant::now();
        let answer = self.root.resolve_field(ctx).await;
        monitoring.field(self.kind, ctx.item.node.name.node.as_str(), started.elapsed());
        answer
    }

    async fn find_entity(&self, ctx: &Context<'_>, params: &Value) -> ServerResult<Option<Value>> {
        self.root.find_entity(ctx, params).await
    }
}

impl<T: ObjectType> ObjectType for Timed<T> {}
