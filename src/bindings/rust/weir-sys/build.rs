// Declares what weir's headers do, and finds its library.
// SPDX-License-Identifier: Apache-2.0
//
//   WEIR_INCLUDE   where weir/weir.h is; default: this checkout's include/, or as pkg-config says
//   WEIR_LIB       where libweir.so or libweir.a is; default: as pkg-config says
//
// bindgen makes the declarations where that program is; else rust.py beside this crate, which
// needs python3 and its pycparser.
use std::path::{Path, PathBuf};
use std::process::Command;

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let done = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(done.stdout).ok()?;
    if !done.status.success() {
        eprintln!("{program}: {}", String::from_utf8_lossy(&done.stderr));
        return None;
    }
    Some(text)
}

fn folder(variable: &str, asked: &str) -> Option<String> {
    println!("cargo:rerun-if-env-changed={variable}");
    std::env::var(variable).ok().or_else(|| {
        let text = said("pkg-config", &[&format!("--variable={asked}"), "weir"])?;
        Some(text.trim().to_string()).filter(|found| !found.is_empty())
    })
}

fn by_bindgen(include: &str, out: &Path) -> Option<()> {
    let header = format!("{include}/weir/weir.h");
    let arguments = [
        &header,
        "--no-prepend-enum-name",
        "--with-derive-default",
        "--allowlist-item=(weir|WEIR)_.*",
        "--output",
        out.to_str()?,
        "--",
        &format!("-I{include}"),
    ];
    said("bindgen", &arguments).map(|_| ())
}

fn by_script(include: &str, out: &Path, script: &Path) -> Option<()> {
    println!("cargo:rerun-if-changed={}", script.display());
    std::fs::write(out, said("python3", &[script.to_str()?, include])?).ok()
}

fn main() {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let out = PathBuf::from(std::env::var("OUT_DIR").unwrap()).join("bindings.rs");
    let include = folder("WEIR_INCLUDE", "includedir")
        .unwrap_or_else(|| here.join("../../../../include").display().to_string());
    println!("cargo:rerun-if-changed={include}/weir");
    by_bindgen(&include, &out)
        .or_else(|| by_script(&include, &out, &here.join("../rust.py")))
        .expect("weir's headers could not be read: there is neither bindgen nor python3-pycparser");
    if let Some(library) = folder("WEIR_LIB", "libdir") {
        println!("cargo:rustc-link-search=native={library}");
    }
    println!("cargo:rustc-link-lib=weir");
}
