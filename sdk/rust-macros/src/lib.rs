//! The `engine!` macro of the SDK. Use it through `broker_engine`.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

use std::path::PathBuf;

use broker_manifest::{Manifest, Operation, SECTION};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Error, LitStr, Path, Token, parse_macro_input};

struct Call {
    engine: Path,
    manifest: LitStr,
}

impl Parse for Call {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let engine = input.parse()?;
        input.parse::<Token![,]>()?;
        let manifest = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { engine, manifest })
    }
}

/// Connects an engine to its manifest; see `broker_engine::engine`.
#[proc_macro]
pub fn engine(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let call = parse_macro_input!(input as Call);
    expand(&call)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

fn expand(call: &Call) -> syn::Result<TokenStream> {
    let refuse = |reason: String| Error::new(call.manifest.span(), reason);
    let folder = std::env::var_os("CARGO_MANIFEST_DIR")
        .ok_or_else(|| refuse("CARGO_MANIFEST_DIR is not set; build with cargo".to_owned()))?;
    let path = PathBuf::from(folder).join(call.manifest.value());
    let text = std::fs::read_to_string(&path)
        .map_err(|e| refuse(format!("can't read {}: {e}", path.display())))?;
    let manifest = Manifest::from_toml(&text).map_err(|e| refuse(e.to_string()))?;
    let json = manifest.to_json().map_err(|e| refuse(e.to_string()))?;

    let engine = &call.engine;
    let section = LitStr::new(SECTION, Span::call_site());
    let bytes = Literal::byte_string(&json);
    let length = json.len();
    // `include_str!` makes the compiler watch the file.
    let file = LitStr::new(&path.to_string_lossy(), Span::call_site());
    let operations = Operation::ALL.map(|operation| connect(&manifest, operation, engine));

    Ok(quote! {
        /// The text of the manifest, for the mock host.
        pub const MANIFEST: &str = include_str!(#file);

        const _: () = {
            use ::broker_engine::bindings::exports::kubectl_broker::engine::operations as wit;

            #[cfg(target_family = "wasm")]
            #[unsafe(link_section = #section)]
            #[used]
            static SECTION: [u8; #length] = *#bytes;

            struct Component;

            impl wit::Guest for Component {
                #(#operations)*
            }

            #[cfg(target_family = "wasm")]
            ::broker_engine::bindings::export_engine!(Component with_types_in ::broker_engine::bindings);
        };
    })
}

/// Returns the export for one operation: the engine's own if the manifest names it, otherwise an error.
fn connect(manifest: &Manifest, operation: Operation, engine: &Path) -> TokenStream {
    let function = format_ident!("{}", operation.name());
    let (argument, result) = match operation {
        Operation::Detect => (None, quote!(wit::Detection)),
        Operation::Health => (Some("HealthRequest"), quote!(Vec<wit::HealthReport>)),
        Operation::List => (Some("ListRequest"), quote!(wit::Page)),
        Operation::Status => (Some("StatusRequest"), quote!(::broker_engine::Backup)),
        Operation::Prepare => (Some("PrepareRequest"), quote!(wit::Preparation)),
        Operation::Create => (Some("CreateRequest"), quote!(::broker_engine::Backup)),
        Operation::Finish => (Some("FinishRequest"), quote!(Vec<::broker_engine::Field>)),
        Operation::Download => (Some("DownloadRequest"), quote!(Vec<::broker_engine::Saved>)),
        Operation::Verify => (Some("VerifyRequest"), quote!(Vec<::broker_engine::Check>)),
        Operation::Restore => (Some("RestoreRequest"), quote!(wit::Restoration)),
        Operation::Delete => (Some("DeleteRequest"), quote!(Vec<String>)),
        Operation::Act => (Some("ActRequest"), quote!(wit::Report)),
    };
    let argument = argument.map(|name| format_ident!("{name}"));
    if manifest.can(operation) {
        let name = operation.name();
        let implementation = format_ident!("{}{}", name[..1].to_uppercase(), &name[1..]);
        let (parameter, value) = match &argument {
            Some(argument) => (quote!(request: wit::#argument), quote!(request)),
            None => (quote!(), quote!()),
        };
        quote! {
            fn #function(#parameter) -> ::broker_engine::Result<#result> {
                <#engine as ::broker_engine::#implementation>::#function(#value)
            }
        }
    } else {
        let parameter = argument.map(|argument| quote!(_: wit::#argument));
        let reason = manifest.lacks.get(&operation);
        let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
        let message = format!("{} can't {operation}{reason}", manifest.id);
        quote! {
            fn #function(#parameter) -> ::broker_engine::Result<#result> {
                Err(::broker_engine::Error::unsupported(#message))
            }
        }
    }
}
