#pragma once
#include <libxml/xmlversion.h>
// Debian's libxml2 brings ICU's headers, which aren't those that Foundation has; what they're for isn't used here.
#undef LIBXML_ICU_ENABLED
#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
