#include "tbb_site.h"
namespace flow { void add_tbb_latencies(std::vector<peer::Case> &) {} }
