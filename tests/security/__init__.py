"""What has gone wrong in other servers, one named test for each of it that could go wrong here.

``advisories.py`` is the table: row by row what happened where, and which tests hold it off.
"""
