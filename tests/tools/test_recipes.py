#!/usr/bin/env python3
# Recipes of package managers: what they say of weir is so, and what they ask of it there is.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: a recipe that has gone stale is seen here, and not by who uses it: versions are those of
version.h, options are those of CMakeLists.txt, files are where they say.
Method: the managers are not here.  vcpkg's port runs under cmake -P with functions that write down
how they were called; Conan's recipe is loaded with a module in Conan's place that does likewise;
rpmspec reads the spec, where it is.
"""
import importlib.util
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import types
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPES = ROOT / "tools" / "packages"
VERSION = ".".join(re.findall(r"^#define WEIR_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$",
                              (ROOT / "include/weir/version.h").read_text(), flags=re.M))
CMAKE = "".join((ROOT / folder / "CMakeLists.txt").read_text() for folder in ("", "src/connect"))
CONNECTORS = re.findall(r"^weir_add_connector\((\w+) ", CMAKE, flags=re.M)
OPTIONS = {*re.findall(r"option\((WEIR_\w+)", CMAKE),
           *(f"WEIR_{name.upper()}" for name in CONNECTORS)}
STUBS = """
foreach(name vcpkg_cmake_configure vcpkg_cmake_install vcpkg_cmake_config_fixup
        vcpkg_fixup_pkgconfig vcpkg_install_copyright)
    cmake_language(EVAL CODE "function(${name})
        message(STATUS \\"${name} \\${ARGN}\\")
    endfunction()")
endforeach()
set(CURRENT_PORT_DIR %s)
set(CURRENT_PACKAGES_DIR %s)
set(PORT weir)
include(${CURRENT_PORT_DIR}/portfile.cmake)
"""


class Vcpkg(unittest.TestCase):
    def test_manifest(self):
        manifest = json.loads((RECIPES / "vcpkg/weir/vcpkg.json").read_text())
        self.assertEqual((manifest["name"], manifest["version"]), ("weir", VERSION))

    def test_port(self):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder, "run.cmake")
            script.write_text(STUBS % (RECIPES / "vcpkg/weir", folder))
            said = subprocess.run(["cmake", "-P", script], capture_output=True, text=True,
                                  check=True).stdout
            self.assertTrue(pathlib.Path(folder, "share/weir/usage").exists())
        self.assertIn(f"SOURCE_PATH;{ROOT};", said)
        self.assertIn(f"FILE_LIST;{ROOT}/LICENSE", said)
        asked = set(re.findall(r"-D(WEIR_\w+)", said))
        self.assertGreater(len(asked), 5)
        self.assertEqual(asked - OPTIONS, set())


class Recorder:
    """Stands for whatever class or function Conan has: calls are kept, and give one more."""

    calls = []

    def __init__(self, *arguments, **named):
        Recorder.calls.append((arguments, named))
        self.cache_variables = {}

    def __getattr__(self, name):
        return Recorder


def load_conan():
    """The recipe's class, with stand-ins for the modules of Conan that it imports."""
    source = (RECIPES / "conan/conanfile.py").read_text()
    for name, words in re.findall(r"^from (conan[\w.]*) import (.*)$", source, flags=re.M):
        module = sys.modules.setdefault(name, types.ModuleType(name))
        for word in words.split(", "):
            setattr(module, word, type(word, (Recorder,), {}))
    sys.modules["conan.errors"].ConanInvalidConfiguration = ValueError
    sys.modules["conan.tools.files"].load = lambda recipe, path: pathlib.Path(path).read_text()
    spec = importlib.util.spec_from_file_location("recipe", RECIPES / "conan/conanfile.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Conan(unittest.TestCase):
    def setUp(self):
        self.module = load_conan()
        self.recipe = self.module.WeirConan()
        self.recipe.recipe_folder = str(RECIPES / "conan")

    def test_version(self):
        self.recipe.set_version()
        self.assertEqual(self.recipe.version, VERSION)

    def test_sources(self):
        self.recipe.export_sources_folder = "there"
        copied = []
        self.module.copy = lambda recipe, pattern, source, to: copied.append((pattern, source))
        self.recipe.export_sources()
        for pattern, source in copied:
            self.assertTrue(list(pathlib.Path(source).glob(pattern)), pattern)
        patterns = [pattern for pattern, _ in copied]
        for needed in re.findall(r"(?:include|add_subdirectory)\(((?:src|tools)/[\w./]+)\)", CMAKE):
            self.assertIn(needed.split("/")[0] + "/*", patterns)

    def test_options(self):
        made = []

        class Toolchain(Recorder):
            def __init__(self, recipe):
                super().__init__()
                made.append(self)
        self.module.CMakeToolchain = Toolchain
        self.recipe.generate()
        asked = set(made[0].cache_variables)
        self.assertGreater(len(asked), 5)
        self.assertEqual(asked - OPTIONS, set())

    def test_validate(self):
        settings = types.SimpleNamespace(os="Linux", arch="x86_64")
        self.recipe.settings = settings
        self.recipe.validate()
        settings.arch = "x86"
        self.assertRaises(ValueError, self.recipe.validate)

    def test_test_package(self):
        compile((RECIPES / "conan/test_package/conanfile.py").read_text(), "conanfile.py", "exec")


class Rpm(unittest.TestCase):
    def test_numbers(self):
        spec = (RECIPES / "rpm/weir.spec").read_text()
        self.assertIn(f"\nVersion:        {VERSION}\n", spec)
        interface = VERSION.rsplit(".", 1)[0] if VERSION.startswith("0.") else VERSION.split(".")[0]
        self.assertIn(f"%global interface {interface}\n", spec)
        self.assertEqual(set(re.findall(r"-D(WEIR_\w+)", spec)) - OPTIONS, set())

    def test_rpmspec(self):
        if shutil.which("rpmspec") is None:
            self.skipTest("rpmspec is not installed")
        said = subprocess.run(
            ["rpmspec", "-q", "--qf", "%{NAME} %{VERSION}\n", RECIPES / "rpm/weir.spec"],
            capture_output=True, text=True, check=True)
        self.assertEqual(said.stdout.split("\n")[:3],
                         [f"weir {VERSION}", f"weir-devel {VERSION}", f"weir-tools {VERSION}"])


if __name__ == "__main__":
    unittest.main()
