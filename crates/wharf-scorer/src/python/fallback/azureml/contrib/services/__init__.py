"""A stand-in; the parts that are really installed are found too."""

__path__ = __import__("pkgutil").extend_path(__path__, __name__)
