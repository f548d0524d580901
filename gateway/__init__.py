"""The S3 API over aiohttp: the only package that speaks HTTP and XML."""
