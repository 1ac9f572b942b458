//! Writing through a stream that is wrapped for the sake of what is read.

/// Implements `AsyncWrite` for a type by the [`BoxStream`](crate::BoxStream) that it wraps: every write, flush and
/// shutdown is that stream's own.
///
/// ```
/// # use sekisho_api::BoxStream;
/// struct Counted {
///     stream: BoxStream,
///     read: u64,
/// }
///
/// sekisho_api::write_through!(Counted, stream);
/// ```
#[macro_export]
macro_rules! write_through {
    ($type:ty, $stream:ident) => {
        impl ::tokio::io::AsyncWrite for $type {
            fn poll_write(
                mut self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bytes: &[u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                ::std::pin::Pin::new(&mut *self.$stream).poll_write(cx, bytes)
            }

            fn poll_write_vectored(
                mut self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bytes: &[::std::io::IoSlice<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                ::std::pin::Pin::new(&mut *self.$stream).poll_write_vectored(cx, bytes)
            }

            fn is_write_vectored(&self) -> bool {
                self.$stream.is_write_vectored()
            }

            fn poll_flush(
                mut self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                ::std::pin::Pin::new(&mut *self.$stream).poll_flush(cx)
            }

            fn poll_shutdown(
                mut self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                ::std::pin::Pin::new(&mut *self.$stream).poll_shutdown(cx)
            }
        }
    };
}
