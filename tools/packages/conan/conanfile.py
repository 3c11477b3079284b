"""A recipe of Conan's (2.x) for weir, from the tree that it is a part of.
SPDX-License-Identifier: Apache-2.0

    conan create tools/packages/conan

Concurrency Kit, of which weir needs the headers while it is built, is the system's: Conan has none.
The connectors and the tool are left out: their clients' names for pkg-config are not Conan's.
"""
import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir
from conan.tools.system.package_manager import Apt, Dnf


class WeirConan(ConanFile):
    name = "weir"
    description = "Demand-driven stages over lock-free rings"
    license = "Apache-2.0"
    topics = ("pipelines", "back-pressure", "lock-free", "genstage")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False]}
    default_options = {"shared": False, "fPIC": True}
    implements = ["auto_shared_fpic"]
    languages = "C"

    def _tree(self):
        return os.path.normpath(os.path.join(self.recipe_folder, "..", "..", ".."))

    def set_version(self):
        text = load(self, os.path.join(self._tree(), "include", "weir", "version.h"))
        numbers = re.findall(r"#define WEIR_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)\n", text)
        self.version = ".".join(numbers)

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "src/*", "include/*", "tools/*"):
            copy(self, pattern, self._tree(), self.export_sources_folder)

    def validate(self):
        if self.settings.os != "Linux" or self.settings.arch not in ("x86_64", "armv8"):
            raise ConanInvalidConfiguration("weir runs on Linux, on x86_64 and armv8")

    def system_requirements(self):
        Apt(self).install(["libck-dev"], update=False, check=True)
        Dnf(self).install(["ck-devel"], update=False, check=True)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for option in ("TESTS", "EXAMPLES", "BENCH", "TOOL", "NATS", "REDIS", "KAFKA"):
            toolchain.cache_variables[f"WEIR_{option}"] = False
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()
        for folder in ("cmake", "pkgconfig"):  # Conan makes its own
            rmdir(self, os.path.join(self.package_folder, "lib", folder))

    def package_info(self):
        self.cpp_info.libs = ["weir"]
        self.cpp_info.system_libs = ["pthread"]
        self.cpp_info.set_property("cmake_file_name", "weir")
        self.cpp_info.set_property("cmake_target_name", "weir::weir")
        self.cpp_info.set_property("pkg_config_name", "weir")
