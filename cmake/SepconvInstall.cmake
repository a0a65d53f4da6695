# Installation and the package that find_package(sepconv) loads.
