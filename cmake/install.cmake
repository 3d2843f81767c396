# The installed package: bin/ridge, the library with its one public header, find_package(ridge), the default model, the man page
# and shell completions (both made by the program itself).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set_target_properties(ridge PROPERTIES EXPORT_NAME ridge)
target_include_directories(ridge PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS ridge EXPORT ridge-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/ridge DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT ridge-targets NAMESPACE ridge:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ridge)
configure_package_config_file(cmake/ridge-config.cmake.in ${CMAKE_BINARY_DIR}/ridge-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ridge PATH_VARS CMAKE_INSTALL_DATADIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/ridge-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/ridge-config.cmake ${CMAKE_BINARY_DIR}/ridge-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ridge)
install(DIRECTORY assets/ DESTINATION ${CMAKE_INSTALL_DATADIR}/ridge FILES_MATCHING PATTERN "*.gguf")
if(TARGET ridge_cli)
  install(TARGETS ridge_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  set(made ${CMAKE_BINARY_DIR}/made)
  install(CODE "
    file(MAKE_DIRECTORY \"${made}\")
    execute_process(COMMAND \"$<TARGET_FILE:ridge_cli>\" man OUTPUT_FILE \"${made}/ridge.1\" COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND \"$<TARGET_FILE:ridge_cli>\" completion bash OUTPUT_FILE \"${made}/ridge\" COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND \"$<TARGET_FILE:ridge_cli>\" completion zsh OUTPUT_FILE \"${made}/_ridge\" COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND \"$<TARGET_FILE:ridge_cli>\" completion fish OUTPUT_FILE \"${made}/ridge.fish\" COMMAND_ERROR_IS_FATAL ANY)")
  install(FILES ${made}/ridge.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${made}/ridge DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${made}/_ridge DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${made}/ridge.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
