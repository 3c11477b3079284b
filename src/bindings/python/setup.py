# What pyproject.toml cannot say: declarations.h is made from the headers, and so is the version.
# SPDX-License-Identifier: Apache-2.0
import pathlib
import re
import subprocess
import sys

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parents[2] / "include"
version = re.findall(r"#define WEIR_VERSION_(?:MAJOR|MINOR|PATCH) +(\d+)",
                     (INCLUDE / "weir/version.h").read_text())


class Build(build_py):
    def run(self):
        super().run()
        made = pathlib.Path(self.build_lib) / "weir/declarations.h"
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(subprocess.run([sys.executable, HERE.parent / "declarations.py", INCLUDE],
                                       check=True, capture_output=True, text=True).stdout)


setup(version=".".join(version), cmdclass={"build_py": Build})
