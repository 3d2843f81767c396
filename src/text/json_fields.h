// Members of JSON objects from files, with errors that name them.
#pragma once
#include <string>

#include "base/error.h"
#include "base/json.h"

namespace ridge::text {

inline const Json& member(const Json& json, const char* key, const std::string& what) {
  if (!json.is_object()) fail(Fault::file, "{}: an object with \"{}\" was expected", what, key);
  const auto it = json.find(key);
  if (it == json.end()) fail(Fault::file, "{}: \"{}\" is missing", what, key);
  return *it;
}

inline std::string text_field(const Json& json, const char* key, const std::string& what) {
  const Json& value = member(json, key, what);
  if (!value.is_string()) fail(Fault::file, "{}: \"{}\" is not a string", what, key);
  return value.get<std::string>();
}
// With a value for where the member is missing or null.
inline std::string text_field(const Json& json, const char* key, const std::string& what,
                              const std::string& otherwise) {
  if (!json.is_object() || !json.contains(key) || json[key].is_null()) return otherwise;
  return text_field(json, key, what);
}

inline bool flag_field(const Json& json, const char* key, bool otherwise, const std::string& what) {
  if (!json.is_object() || !json.contains(key) || json[key].is_null()) return otherwise;
  if (!json[key].is_boolean()) fail(Fault::file, "{}: \"{}\" is not true or false", what, key);
  return json[key].get<bool>();
}

inline int64_t number_field(const Json& json, const char* key, int64_t otherwise, const std::string& what) {
  if (!json.is_object() || !json.contains(key) || json[key].is_null()) return otherwise;
  if (!json[key].is_number_integer()) fail(Fault::file, "{}: \"{}\" is not a whole number", what, key);
  return json[key].get<int64_t>();
}

}  // namespace ridge::text
