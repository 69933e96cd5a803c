//! `#[derive(Module)]` for downhill-nn: a struct is a module whose children are its fields.
//!
//! The derived `visit` visits every field under its name, in the order of their definition. That is all: parameters,
//! containers and plain settings implement `Module` themselves, so the macro need not know which field is what. A field
//! whose type is no module is left out with `#[module(skip)]`; a layer that normalises says so with `#[module(norm)]`
//! before the struct.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Data, DeriveInput, Error, GenericParam, Result, parse_macro_input};

/// Implements `downhill_nn::Module` for a struct.
///
/// The struct's type parameter, if it has one, is the element type; a struct without one is a module of `f32`, or of any
/// type if it has no fields or skips them all.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "Module can be derived for structs only"));
    };
    let nn = nn();
    let mut visits = Vec::new();
    for (i, field) in data.fields.iter().enumerate() {
        if has_flag(&field.attrs, "skip")? {
            continue;
        }
        let name = field.ident.as_ref().map_or_else(|| i.to_string(), |ident| ident.to_string());
        let name = name.trim_start_matches("r#");
        let access = syn::Member::from(i);
        let access = field.ident.clone().map_or(access, Into::into);
        visits.push(quote! { visitor.child(#name, &self.#access); });
    }

    let is_norm = has_flag(&input.attrs, "norm")?.then(|| {
        quote! { fn is_norm(&self) -> bool { true } }
    });

    let mut types = input.generics.params.iter().filter_map(|param| match param {
        GenericParam::Type(param) => Some(&param.ident),
        _ => None,
    });
    let name = &input.ident;
    let (own, arguments, bounds) = input.generics.split_for_impl();
    let (own, element) = match types.next() {
        Some(element) => (quote! { #own }, quote! { #element }),
        None if visits.is_empty() => (quote! { <T: #nn::Float> }, quote! { T }),
        None => (quote! { #own }, quote! { f32 }),
    };
    let visitor = if visits.is_empty() { format_ident!("_visitor") } else { format_ident!("visitor") };
    Ok(quote! {
        impl #own #nn::Module<#element> for #name #arguments #bounds {
            fn visit(&self, #visitor: &mut #nn::Visitor<'_, #element>) {
                #(#visits)*
            }
            #is_norm
        }
    })
}

/// Where the deriving crate finds downhill-nn: as a dependency of its own, or as `downhill::nn`.
fn nn() -> TokenStream {
    if let Ok(FoundCrate::Name(name)) = crate_name("downhill-nn") {
        let name = format_ident!("{name}");
        return quote! { ::#name };
    }
    match crate_name("downhill") {
        Ok(FoundCrate::Name(name)) => {
            let name = format_ident!("{name}");
            quote! { ::#name::nn }
        }
        Ok(FoundCrate::Itself) if crate_name("downhill-nn").is_err() => quote! { ::downhill::nn },
        // In downhill-nn itself, and where neither is found: the compiler's message will name what is missing.
        _ => quote! { ::downhill_nn },
    }
}

/// Whether one of the attributes is `#[module(flag)]`.
fn has_flag(attributes: &[Attribute], flag: &str) -> Result<bool> {
    let mut found = false;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident(flag) {
                return Err(meta.error(format!("expected `{flag}`")));
            }
            found = true;
            Ok(())
        })?;
    }
    Ok(found)
}
