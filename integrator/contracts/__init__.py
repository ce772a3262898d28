"""Contracts: WSDL and XSD models, XML and JSON of the same message, envelopes, faults, header families.

Compile time (`compile`, `documents`, `model`, `wsdl`) reads the site's files and may import zeep and
xmlschema; everything else runs in workers on lxml and the compiled plain data.
"""
