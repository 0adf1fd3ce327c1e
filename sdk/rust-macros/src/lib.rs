//! The `engine!` macro of the SDK. Use it through `broker_engine`.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use broker_manifest::{Manifest, Operation, Position, Problems, SECTION};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Error, LitStr, Token, parse_macro_input};

struct Call {
    engine: syn::Path,
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
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    expand(&call, folder.as_deref()).into()
}

/// Returns the code of the macro. `folder` is the folder of the engine's crate.
///
/// A manifest that is refused gives errors instead of the component. The constant `MANIFEST` is defined in any
/// case: errors about it would distract from those of the manifest.
fn expand(call: &Call, folder: Option<&Path>) -> TokenStream {
    let (path, text) = match read(call, folder) {
        Ok(read) => read,
        Err(error) => {
            let error = error.into_compile_error();
            return quote!(#error #[doc(hidden)] pub const MANIFEST: &str = "";);
        }
    };
    // `include_str!` makes the compiler watch the file.
    let file = LitStr::new(&path.to_string_lossy(), Span::call_site());
    let component = component(call, &text).unwrap_or_else(Error::into_compile_error);
    quote! {
        /// The text of the manifest, for the mock host.
        pub const MANIFEST: &str = include_str!(#file);

        #component
    }
}

/// Returns the path and the text of the manifest.
fn read(call: &Call, folder: Option<&Path>) -> syn::Result<(PathBuf, String)> {
    let refuse = |reason: String| Error::new(call.manifest.span(), reason);
    let folder = folder
        .ok_or_else(|| refuse("CARGO_MANIFEST_DIR is not set; build with cargo".to_owned()))?;
    let path = folder.join(call.manifest.value());
    let text = std::fs::read_to_string(&path)
        .map_err(|e| refuse(format!("can't read {}: {e}", path.display())))?;
    Ok((path, text))
}

/// Returns the code of the component.
fn component(call: &Call, text: &str) -> syn::Result<TokenStream> {
    let manifest = Manifest::diagnose(text).map_err(|problems| refusal(call, &problems))?;
    let json = manifest
        .to_json()
        .map_err(|e| Error::new(call.manifest.span(), e.to_string()))?;

    let engine = &call.engine;
    let section = LitStr::new(SECTION, Span::call_site());
    let bytes = Literal::byte_string(&json);
    let length = json.len();
    let operations = Operation::ALL.map(|operation| connect(&manifest, operation, engine));

    Ok(quote! {
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

/// Returns one error for each problem of the manifest.
fn refusal(call: &Call, problems: &Problems) -> Error {
    let file = call.manifest.value();
    let span = call.manifest.span();
    let listed = problems.list().iter().map(|problem| {
        let message = problem.message();
        match problem.position {
            Some(Position { line, column }) => format!("{file}:{line}:{column}: {message}"),
            None => format!("{file}: {message}"),
        }
    });
    let rest = problems.rest(usize::MAX);
    let rest = rest.map(|rest| format!("{file}: {rest}"));
    let mut errors = listed.chain(rest).map(|text| Error::new(span, text));
    let first = errors.next();
    let first = first.unwrap_or_else(|| Error::new(span, format!("{file} can't be used")));
    errors.fold(first, |mut all, error| {
        all.combine(error);
        all
    })
}

/// Returns the export for one operation: the engine's own if the manifest names it, otherwise an error.
fn connect(manifest: &Manifest, operation: Operation, engine: &syn::Path) -> TokenStream {
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

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "id = \"acme/vault\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n";

    /// Returns the code for a manifest. A file without a text does not exist.
    fn expanded(name: &str, text: Option<&str>) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(text) = text {
            std::fs::write(folder.path().join(name), text).expect("a manifest");
        }
        let call = syn::parse_str(&format!("Engine, {name:?}")).expect("a call");
        expand(&call, Some(folder.path())).to_string()
    }

    /// Returns the messages of the compile errors.
    fn errors(code: &str) -> Vec<String> {
        let calls = code.split("compile_error ! {").skip(1);
        let literals = calls.map(|call| call.split(" }").next().unwrap_or_default());
        let texts = literals.map(|literal| syn::parse_str::<LitStr>(literal).expect("a text"));
        texts.map(|text| text.value()).collect()
    }

    #[test]
    fn a_valid_manifest_makes_a_component_and_a_constant() {
        let code = expanded("good.toml", Some(GOOD));
        assert!(errors(&code).is_empty(), "{code}");
        assert!(
            code.contains("pub const MANIFEST : & str = include_str !"),
            "{code}"
        );
        assert!(code.contains("impl wit :: Guest for Component"), "{code}");
    }

    #[test]
    fn each_problem_is_an_error_with_its_line_and_the_constant_stays() {
        let text = GOOD.replace("detect", "list") + "[[columns]]\nvalue = \"A\"\n";
        let code = expanded("bad.toml", Some(&text));
        assert_eq!(
            errors(&code),
            [
                "bad.toml:4:2: the operation `detect` is required; add `[operations.detect]`",
                "bad.toml:6:9: `A` is not a valid name (column value): use lower-case letters, digits and dashes",
            ]
        );
        assert!(
            code.contains("pub const MANIFEST : & str = include_str !"),
            "{code}"
        );
        assert!(!code.contains("Component"), "{code}");
    }

    #[test]
    fn errors_beyond_the_first_are_counted() {
        let columns = "[[columns]]\nvalue = \"A\"\n".repeat(60);
        let errors = errors(&expanded("long.toml", Some(&(GOOD.to_owned() + &columns))));
        assert_eq!(errors.len(), 51);
        assert_eq!(errors[50], "long.toml: and 10 more");
    }

    #[test]
    fn a_missing_manifest_is_the_only_error() {
        let code = expanded("missing.toml", None);
        let errors = errors(&code);
        assert!(
            errors.len() == 1 && errors[0].starts_with("can't read"),
            "{errors:?}"
        );
        assert!(code.contains("pub const MANIFEST : & str = \"\""), "{code}");
    }
}
